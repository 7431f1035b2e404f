"""Same patient, same bits, for every recipe: whatever the company, its size and its order."""

from __future__ import annotations

import os
import typing

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.laws import test_same_bits as laws

from sequela import recipes
from sequela.batches import RaggedSamples
from sequela.ops.native import library
from sequela.train import outputs

pytestmark = [
    pytest.mark.skipif(library() is None, reason="the native library is not built here"),
]

MOST, CODES, STEP, STATIC = 61, 20, 8, 2
SIZES = {"step_size": STEP, "static_size": STATIC, "vocabulary_size": CODES}
LONG = os.environ.get("SEQUELA_LAWS") == "explore"
law = settings(max_examples=700 if LONG else 3, deadline=None)

#: What each recipe may be built with beside its sizes, the width of its layers, and every choice of
#: words that its arguments have (cells, attentions, answers ...).
OPTIONS = {
    "conv_rnn": {"stride": [1, 2], "pooling": ["mean", "last+max"], "bidirectional": [True, False]},
    "dipole": {},
    "doctor_ai": {"layers": [1, 2]},
    "forecaster": {"linear": [0, 3], "relative": [False, True]},
    "frames": {
        "height": [2, 4],
        "halved": [0, 1, 2],
        "pooling": ["last", "mean+max"],
        "layers": [1, 2],
    },
    "gru_d": {"pooling": ["last", "attention"]},
    "leap": {"beam": [1, 3], "coverage": [True, False], "most": [1, 4]},
    "lstm_deep_supervision": {"layers": [1, 2]},
    "mlp": {"steps": [None, 1, 3, 20], "layers": [1, 2]},
    "onset_gru": {"pooling": ["last", "attention+max"], "layers": [1, 2]},
    "retain": {},
    "seizure_bilstm": {"pooling": ["mean", "attention"], "input_size": [None, 5]},
    "t_lstm": {"pooling": ["last", "mean"]},
    "text_classifier": {"pooling": ["attention", "max+last"], "layers": [1, 2]},
    "values_gru": {"pooling": ["last", "mean"], "bidirectional": [False, True]},
}
#: Recipes that write, and what else they may be built with: what they write is told by its bits.
WRITERS = {
    "captioner": {"vocabulary_size": [0, CODES], "height": [0, 2], "beam": [1, 3]},
    "seq2seq_attention": {"beam": [1, 3], "attention": ["bahdanau", "luong"]},
    "speech_ctc": {"beam": [1, 4], "layers": [1, 2]},
}
#: Those that read notes or streams have this law where they are tested, ``tests/recipes``.
ELSEWHERE = (("tags",), ("likelihood",))
NAMES = [name for name in recipes.names() if recipes.outcomes(name) not in ELSEWHERE]
WIDTHS = ("hidden_size", "attention_size", "filters")


def patients(seed: int) -> RaggedSamples:
    """Some without a step, some steps without a code; features from 0 up, as gaps are."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 9, MOST)
    count = int(lengths.sum())
    per_step = random.integers(0, 5, count)
    return RaggedSamples.from_flat(
        np.abs(random.normal(size=(count, STEP))).astype(np.float32),
        np.concatenate([[0], np.cumsum(lengths)]),
        static=random.normal(size=(MOST, STATIC)).astype(np.float32),
        codes=random.integers(0, CODES, int(per_step.sum())),
        code_offsets=np.concatenate([[0], np.cumsum(per_step)]),
        vocabulary_size=CODES,
    )


def words(name: str) -> dict[str, list]:
    """The arguments of a recipe that are one of several words, and these."""
    hints = typing.get_type_hints(type(build(name, 4, 3)).__init__)
    literal = {
        key: hint for key, hint in hints.items() if typing.get_origin(hint) is typing.Literal
    }
    return {key: list(typing.get_args(hint)) for key, hint in literal.items()}


def build(name: str, width: int, classes: int, **options):
    known = recipes.arguments(name)
    sizes = {key: value for key, value in SIZES.items() if key in known}
    widths = {key: width for key in WIDTHS if key in known}
    return recipes.build(name, **sizes, **widths, classes=classes, **options)


def test_no_recipe_is_forgotten():
    assert sorted(OPTIONS) == NAMES
    likely = [name for name in recipes.names() if recipes.outcomes(name) == ELSEWHERE[1]]
    assert sorted([*WRITERS, "char_lm"]) == likely


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
@law
@given(data=st.data())
def test_a_score_has_the_same_bits_in_any_company(name, data):
    may_be = words(name) | OPTIONS[name]
    options = {key: data.draw(st.sampled_from(may)) for key, may in may_be.items()}
    seed = data.draw(st.integers(0, 9999))
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    width, classes = data.draw(st.sampled_from([1, 4, 17])), data.draw(st.integers(2, 3))
    model = laws.made(seed, dtype, build, name, width, classes, **options)
    samples = patients(seed)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        whole = outputs(model, samples, MOST)
        indices = np.random.default_rng(seed).integers(0, MOST, data.draw(st.integers(1, 90)))
        batch_size, threads = data.draw(st.integers(1, MOST)), data.draw(st.integers(1, 3))
        laws.assert_same_bits(model, samples, whole, indices, batch_size, threads)
    finally:
        torch.set_num_threads(before)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", WRITERS)
@law
@given(data=st.data())
def test_what_is_written_has_the_same_bits_in_any_company(name, data):
    options = {key: data.draw(st.sampled_from(may)) for key, may in WRITERS[name].items()}
    if options.get("height"):
        options["vocabulary_size"] = 0
    if name == "seq2seq_attention":
        options["vocabulary_size"] = CODES
    else:
        options["step_size"] = STEP
    seed, samples = data.draw(st.integers(0, 9999)), patients(1)
    if "most" in recipes.arguments(name):
        options["most"] = 5
    width = data.draw(st.sampled_from([4, 17]))
    given_sizes = {"tokens": 6, "hidden_size": width, **options}
    model = laws.made(seed, torch.float32, recipes.build, name, **given_sizes).eval()
    indices = np.random.default_rng(seed).integers(0, MOST, data.draw(st.integers(1, 20)))
    with torch.no_grad():
        whole = model.hypotheses(samples.batch(np.arange(MOST)))
        few = model.hypotheses(samples.batch(indices))
    for place, row in enumerate(indices):
        assert torch.equal(few.scores[place], whole.scores[row])
        assert torch.equal(few.lengths[place], whole.lengths[row])
        for tokens in (few.tokens[place], whole.tokens[row]):
            assert (tokens[:, int(few.lengths[place].max()) :] == -1).all()
        width = min(few.tokens.shape[2], whole.tokens.shape[2])
        assert torch.equal(few.tokens[place, :, :width], whole.tokens[row, :, :width])
