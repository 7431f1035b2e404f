"""A record that is read once answers as each question would alone, and never looks ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.batches.test_stretches import NOON, _data, _hourly
from tests.laws import test_same_bits as laws

from sequela import recipes
from sequela.batches import ValueEncoder, VisitEncoder
from sequela.batches.aggregates import aggregates
from sequela.batches.running import RunningSamples, read_once
from sequela.cohort import observations
from sequela.ops.native import library
from sequela.train import outputs

HOURS = (0, 3, 7, 20, 45, 72)


def _rows(after: float = 100.0, other: float = 1.0) -> list[tuple]:
    """Of three subjects, the last without an event; values later than ``after`` hours change."""
    random = np.random.default_rng(1)
    rows = []
    for subject in range(2):
        for hour in sorted(random.integers(1, 70, 20).tolist()):
            value = float(random.normal()) * (other if hour > after else 1.0)
            rows.append((subject, hour, 0, "AB"[hour % 2], value))
            rows.append((subject, hour, 0, "C", None))
    return rows


def _samples(folder: Path, kind=ValueEncoder, rows=None, fitted=None, **options):
    folder.mkdir(exist_ok=True)
    labels, people = _hourly(3, HOURS)
    seen = observations(_data(folder, _rows() if rows is None else rows), labels)
    if fitted is None:
        fitted = kind.fit(seen, labels, people, min_subjects=1, online=True, **options)
    return fitted.encode(seen, labels, people), fitted


def _model(name: str, samples):
    known = recipes.arguments(name)
    sizes = ("step_size", "static_size", "vocabulary_size")
    return laws.made(
        3,
        torch.float32,
        recipes.build,
        name,
        **{key: getattr(samples, key) for key in sizes if key in known},
        hidden_size=5,
    )


FORWARD = [name for name in recipes.names() if recipes.reads_forward(name)]


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
@pytest.mark.parametrize("name", FORWARD)
def test_each_question_has_the_bits_it_would_have_alone(name, tmp_path):
    samples, _ = _samples(tmp_path / "a")
    model, running = _model(name, samples), read_once(samples)
    assert isinstance(running, RunningSamples)
    # Two records, and those questions that come before the first step.
    assert len(running) == 2 + int((samples.lengths == 0).sum())
    alone = outputs(model, samples, 1)
    for size in (1, 3, 100):
        assert outputs(model, running, size).tobytes() == alone.tobytes()
    part = running.subset(np.array([len(running) - 1, 0]))
    assert len(part) == 2
    assert sum(part.lengths) < sum(running.lengths)


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("moment", [7, 20])
def test_no_score_looks_ahead(name, moment, tmp_path):
    samples, fitted = _samples(tmp_path / "a")
    other, _ = _samples(tmp_path / "b", rows=_rows(after=moment, other=9.0), fitted=fitted)
    model = _model(name, samples)
    before, after = (outputs(model, read_once(one)) for one in (samples, other))
    by_then = np.array([hour <= moment for _ in range(3) for hour in HOURS])
    assert before[by_then].tobytes() == after[by_then].tobytes()
    assert (before[~by_then] != after[~by_then]).any()


def test_the_batch_says_where_it_is_asked(tmp_path):
    samples, fitted = _samples(tmp_path / "a", VisitEncoder)
    running = read_once(samples)
    assert isinstance(running, RunningSamples)
    order = np.arange(len(running))[::-1]
    batch, places = running.batch(order), running.places(order)
    assert len(batch) == len(running)
    assert batch.asked is not None
    assert len(batch.asked) == len(places) == len(samples) == len(batch.target)
    assert sorted(places.tolist()) == list(range(len(samples)))
    assert batch.rows.tolist() == samples.rows[places].tolist()
    np.testing.assert_array_equal(batch.target.numpy(), samples.target[places])
    assert ((batch.asked < 0).numpy() == (samples.lengths[places] == 0)).all()
    # Days since the first step, whoever asks; the question knows how long ago the last one was.
    day = np.expm1(batch.steps.data[:, 1].numpy())
    assert day.min() == 0
    assert samples.static_names[-1] == "hours since the last step"
    wait = np.expm1(samples.static[:, -1])
    hours = np.array([hour for _ in range(3) for hour in HOURS])
    last = samples.starts + samples.lengths - 1
    noon = np.datetime64(NOON, "us").astype(np.int64)
    for row in np.flatnonzero(samples.lengths):
        assert wait[row] == pytest.approx(hours[row] - (samples.time[last[row]] - noon) / 3.6e9)
    assert VisitEncoder.from_dict(fitted.to_dict()) == fitted


def test_rivals_are_told_the_same_as_without_it(tmp_path):
    online, fitted = _samples(tmp_path / "a")
    plain, _ = _samples(
        tmp_path / "b", fitted=ValueEncoder.from_dict({**fitted.to_dict(), "online": False})
    )
    assert read_once(plain) is plain
    (one, names), (two, others) = aggregates(online), aggregates(plain)
    kept = [place for place, name in enumerate(names) if name in others]
    assert len(kept) == len(others) == len(names) - 1
    np.testing.assert_array_equal(one[:, kept], two)
