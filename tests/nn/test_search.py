"""Search against every sequence there is, one by one."""

from __future__ import annotations

import itertools

import pytest
import torch

from sequela.errors import ConfigError, DataError
from sequela.nn.search import beam_search

V, ROWS, KINDS = 3, 4, 997
torch.manual_seed(0)
TABLE = 2 * torch.randn(KINDS, V + 1, dtype=torch.float64)
ATTENTION = torch.rand(KINDS, 2, dtype=torch.float64)


def step(token, state):
    prefix, read = state
    prefix = (prefix * 31 + token + 7) % KINDS
    return TABLE[prefix], (prefix, read + ATTENTION[prefix])


def start(rows, beam):
    prefix = torch.as_tensor(rows).repeat_interleave(beam)
    return prefix, torch.zeros(len(prefix), 2, dtype=torch.float64)


def search(rows, beam=1, most=3, **options):
    return beam_search(step, start(rows, beam), len(rows), V, most=most, beam=beam, **options)


def every(row, most=3, *, power=0.0, weight=0.0, costs=None, no_repeat=False, never=()):
    """All sequences of a row with their scores, the best one first."""
    found = []
    for count in range(most + 1):
        for tokens in itertools.product(range(V), repeat=count):
            if (no_repeat and len(set(tokens)) < count) or set(tokens) & set(never):
                continue
            state, total, before = start([row], 1), 0.0, V + 1
            for token in (*tokens, V):
                logits, state = step(torch.tensor([before]), state)
                total += torch.log_softmax(logits, 1)[0, token].item()
                before = token
            if costs is not None:
                total -= sum(
                    (costs[a, b] + costs[b, a]).item() for a, b in itertools.combinations(tokens, 2)
                )
            read = int((state[1][0] > 0.5).sum())
            found.append((total / ((5 + count) / 6) ** power + weight * read, list(tokens)))
    return sorted((one for one in found if one[0] > float("-inf")), reverse=True)


def said(found, row):
    return [
        (score, tokens[:length])
        for score, tokens, length in zip(
            found.scores[row].tolist(),
            found.tokens[row].tolist(),
            found.lengths[row].tolist(),
            strict=True,
        )
    ]


PAIRS = torch.tensor([[0.0, 0.7, float("inf")], [0.1, 0.2, 0.0], [0.0, 0.3, 0.0]]).double()


@pytest.mark.parametrize(
    ("options", "by_hand"),
    [
        ({}, {}),
        ({"length_power": 0.8}, {"power": 0.8}),
        ({"no_repeat": True}, {"no_repeat": True}),
        ({"never": (1,)}, {"never": (1,)}),
        ({"pair_costs": PAIRS}, {"costs": PAIRS}),
        (
            {"no_repeat": True, "pair_costs": PAIRS, "length_power": 1.0},
            {"no_repeat": True, "costs": PAIRS, "power": 1.0},
        ),
        ({"coverage_weight": 0.9, "coverage": lambda state: state[1]}, {"weight": 0.9}),
    ],
)
def test_a_wide_beam_finds_the_best_of_all_sequences(options, by_hand):
    found = search(range(ROWS), beam=40, **options)
    for row in range(ROWS):
        wanted = every(row, **by_hand)[:40]
        answered = [one for one in said(found, row) if one[0] > float("-inf")]
        assert [tokens for _, tokens in answered] == [tokens for _, tokens in wanted]
        assert [score for score, _ in answered] == pytest.approx([score for score, _ in wanted])


def test_one_beam_is_greedy():
    found = search(range(ROWS), beam=1)
    for row in range(ROWS):
        state, before, tokens = start([row], 1), V + 1, []
        best = (float("-inf"), [])
        total = 0.0
        for _ in range(4):
            logits, state = step(torch.tensor([before]), state)
            chances = torch.log_softmax(logits, 1)[0]
            best = max(best, (total + chances[V].item(), list(tokens)))
            before = int(chances[:V].argmax())
            total += chances[before].item()
            tokens.append(before)
        assert said(found, row)[0][1] == best[1]


@pytest.mark.parametrize("beam", [1, 3])
def test_a_row_finds_the_same_in_any_company(beam):
    options = {"no_repeat": True, "length_power": 0.7}
    whole = search(range(30), beam, **options)
    for rows in ([7], [29, 3, 3, 11], list(range(29, -1, -1))):
        for part, all_rows in zip(search(rows, beam, **options), whole, strict=True):
            assert torch.equal(part, all_rows[rows])


def test_what_is_behind_the_end_and_no_rows_at_all():
    found = search([0, 1], beam=3)
    behind = torch.arange(3) >= found.lengths[..., None]
    assert bool((found.tokens[behind] == -1).all())
    none = search(torch.zeros(0, dtype=torch.int64), beam=2)
    assert none.tokens.shape == (0, 2, 3)


def test_mistakes():
    with pytest.raises(ConfigError, match="a search"):
        search([0], beam=0)
    with pytest.raises(ConfigError, match="coverage"):
        search([0], coverage_weight=1.0)
    for costs in (torch.zeros(2, 2), -torch.ones(V, V), torch.full((V, V), float("nan"))):
        with pytest.raises(DataError, match="the costs of pairs"):
            search([0], pair_costs=costs)
