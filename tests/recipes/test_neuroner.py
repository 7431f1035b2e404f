"""NeuroNER's equations, by hand."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recipes import by_hand
from tests.tiers import examples

from sequela import recipes
from sequela.batches.notes import NoteEncoder
from sequela.errors import ConfigError, DataError
from sequela.ops.native import library

ENCODER = NoteEncoder(["seen", "by", "dr"], list("SenbyDrAo"), ["X"])
STRETCHES = [["Seen", "by", "Dr", "A"], [], ["by", "Zoo"], ["Dr"]]


def made(dtype=torch.float64, **options):
    torch.manual_seed(1)
    sizes = {**ENCODER.sizes(), "word_size": 4, "character_size": 3, "hidden_size": 5, **options}
    return recipes.build("neuroner", **sizes).to(dtype).eval()


def both_ways(state, name, steps, size):
    """The states of both directions at each step."""
    found = []
    for suffix, order in (("_l0", 1), ("_l0_reverse", -1)):
        own, h, c = by_hand.weights(state, name, suffix), torch.zeros(size), torch.zeros(size)
        h, c = h.double(), c.double()
        states = []
        for x in steps[::order]:
            h, c = by_hand.lstm(own, x, h, c)
            states.append(h)
        found.append(states[::order])
    return found


def test_the_equations():
    model = made()
    state = model.state_dict()
    batch = ENCODER.batch(STRETCHES)
    found = batch.flat(model(batch))
    place = 0
    for stretch in STRETCHES:
        e = []
        for token in stretch:
            single = ENCODER.batch([[token]])
            letters = [state["characters.weight"][k] for k in single.forms.data]
            f, b = both_ways(state, "spelling", letters, 3)
            e.append(torch.cat([f[-1], b[0], state["words.weight"][single.words.data[0]]]))
        g, h = both_ways(state, "recurrent", e, 5)
        for pair in zip(g, h, strict=True):
            u = state["hidden.weight"] @ torch.cat(pair) + state["hidden.bias"]
            a = state["output.weight"] @ torch.tanh(u) + state["output.bias"]
            torch.testing.assert_close(found[place], a)
            place += 1
    assert place == len(found)


def test_losses_are_those_of_every_sequence_of_tags():
    model = made(scheme="bio")
    encoder = NoteEncoder(ENCODER.words, ENCODER.characters, ["X"], "bio")
    tags = [["O", "B-X", "I-X", "O"], [], ["B-X", "B-X"], ["O"]]
    batch = encoder.batch(STRETCHES, tags)
    losses, scores, place = model.losses(batch), batch.flat(model(batch)), 0
    crf = model.crf
    for row, stretch in enumerate(tags):
        total = {}
        for y in itertools.product(range(3), repeat=len(stretch)):
            pairs = [(0, 0), *itertools.pairwise(y)]
            if (y and y[0] == 2) or any(one == 0 and two == 2 for one, two in pairs):
                continue
            s = sum(scores[place + t, tag] for t, tag in enumerate(y))
            s = s + sum(crf.transitions[one, two] for one, two in itertools.pairwise(y))
            total[y] = s + crf.start[y[0]] + crf.end[y[-1]] if y else torch.zeros(()).double()
        wanted = torch.stack(list(total.values())).logsumexp(0)
        truth = tuple(encoder.tags.index(tag) for tag in stretch)
        torch.testing.assert_close(losses[row], wanted - total[truth])
        place += len(stretch)
    losses.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
@settings(max_examples=examples(10))
@given(st.data())
def test_a_stretch_has_the_same_bits_in_any_company(data):
    model = made(data.draw(st.sampled_from([torch.float32, torch.float64])))
    words = ["Seen", "by", "Dr", "A", "Zoo", ".", "12", "é"]
    stretch = st.lists(st.sampled_from(words), max_size=9)
    alone = data.draw(stretch)
    others = data.draw(st.lists(stretch, max_size=20))
    place = data.draw(st.integers(0, len(others)))
    batch = ENCODER.batch([*others[:place], alone, *others[place:]])
    first = sum(map(len, others[:place]))
    single = ENCODER.batch([alone])
    for many, one in zip(model.tags(batch), model.tags(single), strict=True):
        assert torch.equal(batch.flat(many)[first : first + len(alone)], single.flat(one))


def test_no_token_at_all():
    model = made()
    for stretches in ([], [[], []]):
        batch = ENCODER.batch(stretches, stretches)
        assert model(batch).shape == (0, 5)
        assert model.tags(batch).best.shape == (0,)
        assert model.losses(batch).tolist() == [0.0] * len(stretches)


def test_given_vectors():
    model = made()
    before = model.words.weight.detach().clone()
    model.give_words(torch.tensor([2]), torch.arange(4.0)[None])
    assert model.words.weight[2].tolist() == [0, 1, 2, 3]
    assert torch.equal(model.words.weight[[0, 1, 3]], before[[0, 1, 3]])
    with pytest.raises(DataError, match="wanted width 4"):
        model.give_words(torch.tensor([2]), torch.zeros(1, 3))


def test_mistakes():
    with pytest.raises(ConfigError, match="'labels': got 0"):
        recipes.build("neuroner", vocabulary_size=1, characters=1, labels=0)
    with pytest.raises(ConfigError, match="bioes or bio"):
        made(scheme="iob")
    assert recipes.outcomes("neuroner") == ("tags",)
