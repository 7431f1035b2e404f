"""The CRF against every sequence of tags there is, one by one."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiers import examples
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from sequela.errors import ConfigError, DataError
from sequela.nn import CRF, legal_tags
from sequela.nn.crf import Legal
from sequela.ops.native import library

SCHEMES = {"any": None, "bio": legal_tags(1, "bio"), "bioes": legal_tags(1, "bioes")}
LENGTHS = (3, 0, 1, 4, 3)


def made(scheme="bio", dtype=torch.float64, seed=0, spread=1.0) -> CRF:
    torch.manual_seed(seed)
    legal = SCHEMES[scheme]
    crf = CRF(3 if legal is None else len(legal.start), legal=legal).to(dtype)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_(std=spread)
    return crf


def packed(rows: list[torch.Tensor]) -> PackedSequence:
    """Rows ``[T, ...]`` of any lengths, zeros among them, as the batches lie."""
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
    alive = [rows[row] for row in order if len(rows[row])]
    if alive:
        data, sizes, *_ = pack_sequence(alive)
    else:
        data, sizes = rows[0], torch.zeros(0, dtype=torch.int64)
    order = torch.tensor(order)
    return PackedSequence(data, sizes, order, order.argsort())


def unpacked(sequence: PackedSequence, data: torch.Tensor) -> list[torch.Tensor]:
    rows: list[list[torch.Tensor]] = [[] for _ in sequence.sorted_indices]
    place = 0
    for size in sequence.batch_sizes.tolist():
        for row in sequence.sorted_indices[:size].tolist():
            rows[row].append(data[place])
            place += 1
    return [torch.stack(row) if row else data[:0] for row in rows]


def emissions(crf: CRF, lengths=LENGTHS, seed=1, scale=1.0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    size, dtype = crf.tags, crf.start.dtype
    draw = [torch.randn(n, size, generator=generator, dtype=torch.float64) for n in lengths]
    return [(scale * row).to(dtype) for row in draw]


def every(crf: CRF, x: torch.Tensor, scheme: str) -> dict[tuple[int, ...], float]:
    """The score of each legal sequence of tags, from the formula."""
    found = {}
    a, m, b = (part.tolist() for part in (crf.start, crf.transitions, crf.end))
    x = x.tolist()
    for y in itertools.product(range(crf.tags), repeat=len(x)):
        legal = SCHEMES[scheme]
        pairs = list(itertools.pairwise(y))
        if legal is not None and y:
            may = legal.start[y[0]] and legal.end[y[-1]]
            if not (may and all(legal.transitions[pair] for pair in pairs)):
                continue
        score = sum(x[t][tag] for t, tag in enumerate(y))
        score += sum(m[one][two] for one, two in pairs)
        found[y] = score + (a[y[0]] + b[y[-1]] if y else 0.0)
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_against_every_sequence(scheme, dtype):
    crf = made(scheme, dtype)
    rows = emissions(crf)
    x = packed(rows)
    truth = [every(crf, row, scheme) for row in rows]
    close = {"rtol": 0, "atol": 2e-5 if dtype is torch.float32 else 1e-12}
    sums = [torch.tensor(list(one.values()), dtype=torch.float64).logsumexp(0) for one in truth]
    totals = torch.stack(sums).to(dtype)
    torch.testing.assert_close(crf.log_partition(x), totals, **close)
    best = [max(one, key=one.get) for one in truth]
    found = crf.best(x)
    assert [tuple(row.tolist()) for row in unpacked(x, found.tags)] == best
    wanted = torch.tensor([one[y] for one, y in zip(truth, best, strict=True)], dtype=dtype)
    torch.testing.assert_close(found.scores, wanted, **close)
    with torch.no_grad():
        chances = unpacked(x, crf.marginals(x))
    for row, one, total in zip(chances, truth, totals, strict=True):
        expected = torch.zeros_like(row)
        for y, score in one.items():
            for t, tag in enumerate(y):
                expected[t, tag] += torch.exp(score - total)
        torch.testing.assert_close(row, expected, **close)
    # Any legal tags, not the best alone.
    for pick in (0, -1):
        tags = [list(one)[pick] for one in truth]
        given_tags = packed([torch.tensor(y, dtype=torch.int64) for y in tags]).data
        scores = [one[y] for one, y in zip(truth, tags, strict=True)]
        wanted = torch.tensor(scores, dtype=torch.float64).to(dtype)
        torch.testing.assert_close(crf(x, given_tags), wanted - totals, **close)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_gradients(scheme):
    crf = made(scheme)
    rows = emissions(crf)
    x = packed(rows)
    y = crf.best(x).tags
    inputs = (x.data.clone().requires_grad_(), *(p.detach() for p in crf.parameters()))
    for part in inputs:
        part.requires_grad_()

    def likelihood(data, start, transitions, end):
        names = ("start", "transitions", "end")
        values = dict(zip(names, (start, transitions, end), strict=True))
        return torch.func.functional_call(crf, values, (x._replace(data=data), y))

    assert [name for name, _ in crf.named_parameters()] == ["start", "transitions", "end"]
    assert torch.autograd.gradcheck(likelihood, inputs)
    assert torch.autograd.gradgradcheck(likelihood, inputs)


def test_the_gradient_of_log_z_is_the_marginals():
    crf = made("bioes")
    x = packed(emissions(crf))
    data = x.data.clone().requires_grad_()
    (slope,) = torch.autograd.grad(crf.log_partition(x._replace(data=data)).sum(), data)
    torch.testing.assert_close(slope, crf.marginals(x).detach())


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
@pytest.mark.parametrize("labels", [1, 3])
def test_what_is_legal(scheme, labels):
    start, transitions, end = legal_tags(labels, scheme)
    letters = {"bio": "BI", "bioes": "BIES"}[scheme]
    names = ["O"] + [f"{letter}{n}" for n in range(labels) for letter in letters]
    assert len(names) == len(start) == len(end)
    for a, one in enumerate(names):
        assert bool(start[a]) == (one[0] in "OBS")
        assert bool(end[a]) == (one[0] not in ("BI" if scheme == "bioes" else ""))
        for b, other in enumerate(names):
            inside = one[0] in "BI" and other[0] in "IE" and one[1:] == other[1:]
            fresh = other[0] in "OBS" and bool(end[a])
            assert bool(transitions[a, b]) == (inside or fresh)


@settings(max_examples=examples(30))
@given(seed=st.integers(0, 999), scale=st.sampled_from([1.0, 1e3, 1e6]))
def test_nothing_illegal_is_ever_found(seed, scale):
    crf = made("bioes", torch.float32, seed, spread=5.0)
    legal = SCHEMES["bioes"]
    x = packed(emissions(crf, (4, 1, 0, 2), seed, scale))
    with torch.no_grad():
        chances = unpacked(x, crf.marginals(x))
    for tags, row in zip(unpacked(x, crf.best(x).tags), chances, strict=True):
        if not len(tags):
            continue
        assert legal.start[tags[0]]
        assert legal.end[tags[-1]]
        assert legal.transitions[tags[:-1], tags[1:]].all()
        assert (row[0][~legal.start] == 0).all()
        assert (row[-1][~legal.end] == 0).all()
        assert row.isfinite().all()
        if scale == 1.0:
            torch.testing.assert_close(row.sum(1), torch.ones(len(row)))


def test_no_step_at_all():
    crf = made()
    x = packed([torch.zeros(0, 3, dtype=torch.float64)] * 2)
    assert crf.log_partition(x).tolist() == [0.0, 0.0]
    assert crf(x, torch.zeros(0, dtype=torch.int64)).tolist() == [0.0, 0.0]
    assert crf.best(x).scores.tolist() == [0.0, 0.0]
    assert crf.best(x).tags.shape == (0,)
    assert crf.marginals(x).shape == (0, 3)


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
@settings(max_examples=examples(15))
@given(st.data())
def test_the_same_bits_in_any_company(data):
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    crf = made(data.draw(st.sampled_from(sorted(SCHEMES))), dtype).eval()
    rows = emissions(crf, [(7 * n) % 12 for n in range(23)], scale=3.0)

    def results(chosen):
        x = packed([rows[row] for row in chosen])
        tags, scores = crf.best(x)
        parts = (unpacked(x, tags), unpacked(x, crf.marginals(x)), scores, crf.log_partition(x))
        return list(zip(*parts, strict=True))

    with torch.no_grad():
        whole = results(range(len(rows)))
        chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, max_size=40))
        for row, found in zip(chosen, results(chosen), strict=True):
            assert all(map(torch.equal, found, whole[row]))


def test_what_does_not_fit():
    crf = made()
    x = packed(emissions(crf))
    tags = crf.best(x).tags
    with pytest.raises(DataError, match=r"emissions: got shape \[11, 2\], wanted \[N, 3\]"):
        crf.best(x._replace(data=x.data[:, :2]))
    for wrong in (tags[:-1], tags.int()):
        with pytest.raises(DataError, match=r"tags: got .*wanted int64 of shape \[11\]"):
            crf(x, wrong)
    with pytest.raises(DataError, match="out of range, wanted 0 to 2"):
        crf(x, tags + 3)
    with pytest.raises(DataError, match="not legal"):
        crf(x, torch.full_like(tags, 2))  # I at the beginning
    with pytest.raises(ConfigError, match="at least 1"):
        CRF(0)
    with pytest.raises(ConfigError, match="legal end of a CRF"):
        CRF(2, legal=Legal(torch.ones(2) > 0, torch.ones(2, 2) > 0, torch.ones(3) > 0))
    for labels, scheme in ((0, "bio"), (1, "bilou")):
        with pytest.raises(ConfigError, match="at least 1 in 'bio' or 'bioes'"):
            legal_tags(labels, scheme)


def test_as_pytorch_crf():
    torchcrf = pytest.importorskip("torchcrf")
    ours = made("any")
    theirs = torchcrf.CRF(3, batch_first=True).double()
    with torch.no_grad():
        theirs.start_transitions.copy_(ours.start)
        theirs.end_transitions.copy_(ours.end)
        theirs.transitions.copy_(ours.transitions)
    rows = emissions(ours, (4, 1, 3, 6))
    x = packed(rows)
    y = ours.best(x).tags
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    tags = torch.nn.utils.rnn.pad_sequence(unpacked(x, y), batch_first=True)
    mask = torch.arange(6) < torch.tensor([4, 1, 3, 6])[:, None]
    likelihood = theirs(padded, tags, mask=mask, reduction="none")
    torch.testing.assert_close(ours(x, y), likelihood)
    assert theirs.decode(padded, mask=mask) == [row.tolist() for row in unpacked(x, y)]
