"""Records made of others: what stands where, how often each is used, parts that share none."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from sequela import sources, tasks
from sequela.errors import ConfigError, DataError
from sequela.settings import checked
from sequela.signals import DescribedDeclaration, SignalDeclaration, SignalSet, composed

SOURCES = Path(sources.__file__).parent
SHARES = (0.6, 0.2, 0.2)
EXAMPLES = {
    "canvas": SOURCES / "digits" / "example" / "data",
    "moving_digits": SOURCES / "digits" / "example" / "data",
    "speakers": SOURCES / "ts" / "example",
}


def how(room: str, **changes):
    declared = tasks.declaration(room)
    kind = DescribedDeclaration if declared["kind"] == "described" else SignalDeclaration
    found = checked(kind, declared, room).compose
    assert found is not None
    return found.model_copy(update=changes)


def numbered(count: int, side: int = 2, length: int = 1) -> SignalSet:
    """Records whose every value is 1 + their number, and whose label is it."""
    values = np.repeat(np.arange(1, count + 1, dtype=np.float32), length)
    return SignalSet(
        values=np.repeat(values[:, None], side * side, axis=1),
        offsets=np.arange(count + 1, dtype=np.int64) * length,
        recording=np.array([f"r{k}" for k in range(count)]),
        sampling_rate=1.0,
        channels=tuple(f"p{k}" for k in range(side * side)),
        label=np.arange(1, count + 1),
    )


@pytest.mark.parametrize("room", EXAMPLES)
def test_the_examples_of_the_tasks(room):
    source = "ts" if room == "speakers" else "digits"
    changes = {} if room == "moving_digits" else {"most": 3}
    signals = sources.read(source, EXAMPLES[room])
    made = composed(signals, how(room, **changes), "held_out", (0, 0, 1), 0)
    assert made.label is not None
    rows = [f"{made.recording[k]},{made.lengths[k]},{made.label[k]}\n" for k in range(len(made))]
    path = Path(tasks.__file__).parent / room / "example" / "expected.csv"
    assert "".join(["recording,frames,label\n", *rows]) == path.read_text()


def test_joined_records_are_each_used_once():
    made = composed(numbered(23, length=3), how("speakers"), "tuning", SHARES, 0)
    assert made.label is not None
    used: list[int] = []
    for number, label in enumerate(made.label):
        said = [int(word) for word in str(label).split()]
        assert 2 <= len(said) <= 6
        assert made.record(number)[:, 0].tolist() == list(np.repeat(said, 3))
        used += said
    assert len(set(used)) == len(used) >= 22
    more = composed(numbered(23, length=3), how("speakers", passes=3), "train", SHARES, 0)
    assert 66 <= sum(len(str(label).split()) for label in more.label) <= 69


def test_a_canvas_shows_what_its_sentence_says():
    made = composed(numbered(30), how("canvas", passes=4), "train", SHARES, 1)
    assert len(made.channels) == 64
    for number in range(len(made)):
        words = str(made.label[number]).split()
        field = made.record(number).reshape(2, 4, 2, 4).transpose(0, 2, 1, 3)
        said = {tuple(words[k : k + 2]): int(words[k + 2]) for k in range(0, len(words), 3)}
        for row, down in enumerate(("top", "bottom")):
            for column, right in enumerate(("left", "right")):
                shown = field[row, column]
                wanted = said.get((down, right), 0)
                assert (shown[shown > 0] == wanted).all()
                assert (shown > 0).sum() == (4 if wanted else 0)


def test_a_sentence_stands_in_one_part():
    given = how("canvas", passes=20)
    parts = [
        set(composed(numbered(12), given, part, SHARES, 3).label)
        for part in ("train", "tuning", "held_out")
    ]
    assert all(parts)
    assert len(set.union(*parts)) == sum(map(len, parts))


@pytest.mark.parametrize("seed", range(3))
def test_a_digit_moves_as_it_says(seed):
    made = composed(numbered(5, side=3), how("moving_digits", side=7), "tuning", SHARES, seed)
    ways = {"down": (1, 0), "up": (-1, 0), "right": (0, 1), "left": (0, -1)}
    assert 6 <= made.lengths.min() <= made.lengths.max() <= 10
    for number in range(len(made)):
        digit, name = str(made.label[number]).split()
        frames = made.record(number).reshape(-1, 7, 7)
        assert set(np.unique(frames)) == {0.0, float(digit)}
        for before, after in itertools.pairwise(frames):
            assert np.array_equal(np.roll(before, ways[name], (0, 1)), after)


def test_mistakes():
    with pytest.raises(DataError, match="got 1 records, wanted 2 or more"):
        composed(numbered(1), how("canvas"), "train", SHARES, 0)
    with pytest.raises(DataError, match="square images"):
        composed(numbered(4, length=2), how("canvas"), "train", SHARES, 0)
    with pytest.raises(DataError, match="images of side 2"):
        composed(numbered(4), how("moving_digits", side=1), "train", SHARES, 0)
    compose = {"kind": "joined", "least": 3, "most": 2}
    with pytest.raises(ConfigError, match="least is at most most"):
        checked(DescribedDeclaration, {"name": "a", "title": "A", "compose": compose}, "task a")
