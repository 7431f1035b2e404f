"""Same patient, same bits, up to the score of a whole classifier.

Whoever else is in the batch, how many they are and in which order, however long the padding and
however many threads compute: recipes, and classifiers put together by hand, give a patient the
same score to the last bit. A few hundred examples by default, ten thousand in the long tier.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiers import examples
from torch.nn.utils.rnn import PackedSequence

from sequela import nn, recipes
from sequela.batches import RaggedSamples
from sequela.ops.native import library
from sequela.ops.native_call import instruction_set
from sequela.train import outputs, predict

pytestmark = [
    pytest.mark.skipif(library() is None, reason="the native library is not built here"),
]

MOST, CODES, STEP, STATIC = 257, 40, 3, 2
DEFAULT_EXAMPLES, LONG_EXAMPLES = 70, 3400
POOLINGS = ("last", "mean", "max", "attention", "mean+max", "last+attention")
CELLS = {
    "rnn_tanh": (nn.RNN, {}),
    "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (nn.LSTM, {}),
    "gru_after": (nn.GRU, {}),
    "gru_before": (nn.GRU, {"reset_after": False}),
}
MERGES = ("one direction", "concat", "sum", "mean", "mul")
HEADS = {
    "two classes": lambda size: nn.Classify(size),
    "five classes": lambda size: nn.Classify(size, 5),
    "one number": lambda size: nn.Regress(size),
    "three numbers": lambda size: nn.Regress(size, 3),
}


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def patients(seed: int, longest: int = 6) -> RaggedSamples:
    """257 patients with codes, times and static features; some have no step, some steps no code."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, longest + 1, MOST)
    count = int(lengths.sum())
    per_step = random.integers(0, 5, count)
    return RaggedSamples.from_flat(
        random.normal(size=(count, STEP)).astype(np.float32),
        np.concatenate([[0], np.cumsum(lengths)]),
        static=random.normal(size=(MOST, STATIC)).astype(np.float32),
        codes=random.integers(0, CODES, int(per_step.sum())),
        code_offsets=np.concatenate([[0], np.cumsum(per_step)]),
        vocabulary_size=CODES,
    )


class Composed(torch.nn.Module):
    """Projection, a recurrent layer, pooling and a head, from this package's parts."""

    def __init__(self, cell: str, merge: str, hidden: int, pooling: str, head: str):
        super().__init__()
        kind, options = CELLS[cell]
        two = merge != "one direction"
        options = options | ({"merge": merge} if two else {})
        self.projection = nn.Linear(STEP, hidden)
        self.recurrent = kind(hidden, hidden, bidirectional=two, batch_first=True, **options)
        concatenated = merge == "concat"
        size = 2 * hidden if concatenated else hidden
        pool = nn.Pool(pooling, size, directions=2 if concatenated else 1, batch_first=True)
        self.head = nn.Head(pool, HEADS[head](pool.output_size + STATIC))

    def forward(self, batch):
        steps = batch.steps
        data = self.projection(steps.data.to(self.projection.weight.dtype))
        states, _ = self.recurrent(PackedSequence(data, *steps[1:]))
        return self.head(states, static=batch.static.to(data.dtype))

    def padded(self, samples, indices, time, filling):
        """The same from a padded batch ``[B, time, F]``."""
        dtype = self.projection.weight.dtype
        x = torch.full((len(indices), time, STEP), filling, dtype=dtype)
        for place, index in enumerate(indices):
            begin, length = samples.starts[index], samples.lengths[index]
            x[place, :length] = torch.from_numpy(samples.steps[begin : begin + length])
        lengths = torch.from_numpy(samples.lengths[indices])
        states, _ = self.recurrent(self.projection(x), lengths=lengths)
        return self.head(states, lengths, torch.from_numpy(samples.static[indices]).to(dtype))


def onset(hidden: int, cell: str = "gru", pooling: str = "last", layers: int = 1):
    sizes = {"vocabulary_size": CODES, "step_size": STEP, "static_size": STATIC}
    options = {"embedding_size": 2 * hidden + 1, "hidden_size": hidden, "dropout": 0.3}
    return recipes.build("onset_gru", **sizes, **options, cell=cell, pooling=pooling, layers=layers)


def seizure(hidden: int, classes: int = 2, pooling: str = "mean", projected: bool = True):
    options = {"input_size": hidden + 2 if projected else None, "hidden_size": hidden}
    return recipes.build(
        "seizure_bilstm", step_size=STEP, classes=classes, pooling=pooling, dropout=0.3, **options
    )


def made(seed: int, dtype: torch.dtype, builder, *arguments, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return builder(*arguments, **options).to(dtype).eval()


def assert_same_bits(model, samples, whole, indices, batch_size: int, threads: int) -> None:
    torch.set_num_threads(threads)
    subset = samples.subset(indices)
    assert np.array_equal(outputs(model, subset, batch_size), whole[indices])
    with torch.no_grad():
        found = model(samples.batch(indices)).float().numpy()
    assert np.array_equal(found, whole[indices])
    alone = outputs(model, samples.subset(indices[:1]))
    assert np.array_equal(alone, whole[indices[:1]])


# Others may come twice: a patient's double changes as little as anybody.
company = {
    "seed": st.integers(0, 9999),
    "hidden": st.sampled_from([1, 4, 17, 33]),
    "dtype": st.sampled_from([torch.float32, torch.float64]),
    "indices": st.builds(
        lambda count, seed: np.random.default_rng(seed).integers(0, MOST, count),
        st.one_of(st.integers(1, 20), st.integers(1, MOST)),
        st.integers(0, 9999),
    ),
    "batch_size": st.integers(1, MOST),
    "threads": st.integers(1, 3),
}
law = settings(max_examples=examples(DEFAULT_EXAMPLES, LONG_EXAMPLES), deadline=None)


def whole_of(model, samples) -> np.ndarray:
    torch.set_num_threads(1)
    return outputs(model, samples, MOST)


@pytest.mark.timeout(900)
@law
@given(
    **company,
    cell=st.sampled_from(["gru", "gru_before", "lstm", "rnn"]),
    pooling=st.sampled_from(POOLINGS),
    layers=st.integers(1, 2),
)
def test_the_onset_recipe(seed, hidden, dtype, indices, batch_size, threads, cell, pooling, layers):
    model = made(seed, dtype, onset, hidden, cell, pooling, layers)
    samples = patients(seed)
    whole = whole_of(model, samples)
    assert_same_bits(model, samples, whole, indices, batch_size, threads)


@pytest.mark.timeout(900)
@law
@given(
    **company,
    classes=st.integers(2, 5),
    pooling=st.sampled_from(POOLINGS),
    projected=st.booleans(),
)
def test_the_seizure_recipe(
    seed, hidden, dtype, indices, batch_size, threads, classes, pooling, projected
):
    model = made(seed, dtype, seizure, hidden, classes, pooling, projected)
    samples = patients(seed)
    whole = whole_of(model, samples)
    assert_same_bits(model, samples, whole, indices, batch_size, threads)
    shift = np.linspace(-1, 1, classes)[: 1 if classes == 2 else None].tolist()
    risks = predict(model, samples, logit_shift=shift)
    subset = predict(model, samples.subset(indices), batch_size, logit_shift=shift)
    assert np.array_equal(subset, risks[indices])


@pytest.mark.timeout(900)
@law
@given(
    **company,
    cell=st.sampled_from(list(CELLS)),
    merge=st.sampled_from(MERGES),
    pooling=st.sampled_from(POOLINGS),
    head=st.sampled_from(list(HEADS)),
    more=st.integers(0, 5),
    filling=st.sampled_from([0.0, -7.5, float("nan")]),
)
def test_a_classifier_put_together_by_hand(
    seed, hidden, dtype, indices, batch_size, threads, cell, merge, pooling, head, more, filling
):
    model = made(seed, dtype, Composed, cell, merge, hidden, pooling, head)
    samples = patients(seed)
    whole = whole_of(model, samples)
    assert_same_bits(model, samples, whole, indices, batch_size, threads)
    with torch.no_grad():
        time = int(samples.lengths[indices].max()) + more
        padded = model.padded(samples, indices, max(time, 1), filling).float().numpy()
    assert np.array_equal(padded, whole[indices])


def test_ten_thousand_examples_in_the_long_tier():
    assert 3 * LONG_EXAMPLES >= 10_000
    assert 200 <= 3 * DEFAULT_EXAMPLES <= 500


@pytest.mark.parametrize("builder", [onset, seizure])
def test_every_batch_size(builder):
    model, samples = made(1, torch.float32, builder, 20), patients(1)
    whole = whole_of(model, samples)
    with torch.no_grad():
        for count in range(1, MOST + 1):
            torch.set_num_threads(1 + count % 3)
            # Not always from the front: the same row then falls into other tiles.
            indices = (np.arange(count) + 31 * count) % MOST
            found = model(samples.batch(indices)).numpy()
            assert np.array_equal(found, whole[indices]), count


@pytest.mark.parametrize("builder", [onset, seizure])
def test_a_gradient_recorded_on_the_way_changes_no_bit(builder):
    model, samples = made(2, torch.float32, builder, 20, pooling="max+attention"), patients(2)
    whole = whole_of(model, samples)
    for indices in (np.arange(7), np.arange(40, MOST)):
        found = model(samples.batch(indices))
        assert found.requires_grad
        assert np.array_equal(found.detach().numpy(), whole[indices])


def test_without_the_native_kernels_the_promise_does_not_hold():
    """The control: what is asserted above can fail, and does so with torch's kernels."""
    from sequela import ops

    model, samples = made(3, torch.float32, onset, 33, pooling="mean+attention"), patients(3)
    with ops.force("aten"):
        whole = outputs(model, samples, MOST)
        alone = [outputs(model, samples.subset(np.array([i])))[0] for i in range(40)]
    assert not np.array_equal(whole[:40], alone)


def digest_of_scores(threads: int) -> str:
    torch.set_num_threads(threads)
    digest = hashlib.sha256()
    for dtype in (torch.float32, torch.float64):
        samples = patients(5)
        for pooling in ("last", "mean+attention"):
            for builder in (onset, seizure):
                model = made(6, dtype, builder, 33, pooling=pooling)
                digest.update(predict(model, samples).tobytes())
        for cell in CELLS:
            for head in HEADS:
                model = made(7, dtype, Composed, cell, "concat", 20, "attention", head)
                digest.update(predict(model, samples, kind="regression").tobytes())
    return digest.hexdigest()


def _in_a_child(name: str, threads: int) -> list[str]:
    code = (
        "from tests.laws.test_same_bits import *\n"
        f"print(instruction_set(), digest_of_scores({threads}))\n"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"SEQUELA_ISA": name}
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=root
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


def test_avx2_and_avx512_give_the_same_score():
    if instruction_set() != "avx512":
        pytest.skip("this process does not compute with AVX-512")
    assert _in_a_child("avx2", 2) == ["avx2", digest_of_scores(1)]
