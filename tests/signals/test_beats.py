"""How early a beat came, and how it differs from the recording's typical one."""

from __future__ import annotations

import numpy as np

from sequela.signals.beats import RHYTHM, against_typical, rhythm


def test_an_early_beat_and_the_pause_behind_it():
    onset = np.arange(30) * 0.8
    onset[15] -= 0.3
    found = rhythm(onset)
    assert found.shape == (30, len(RHYTHM))
    np.testing.assert_allclose(found[15], np.log([0.5 / 0.8, 1.1 / 0.8, 0.5 / 0.8]), rtol=1e-5)
    np.testing.assert_allclose(found[16, 0], np.log(1.1 / 0.8), rtol=1e-5)
    np.testing.assert_allclose(found[16, 2], np.log(1.1 / 0.5), rtol=1e-5)
    np.testing.assert_allclose(found[5], 0, atol=1e-6)
    # The first beat has none before it, the last none after.
    assert found[0, 0] == found[0, 2] == found[1, 2] == found[-1, 1] == 0
    # A faster heart is no rhythm of its own.
    np.testing.assert_allclose(rhythm(onset / 2), found, atol=1e-6)


def test_few_beats_and_two_marks_in_one_place():
    assert rhythm(np.zeros(0)).shape == (0, 3)
    assert not rhythm(np.array([4.0])).any()
    assert np.isfinite(rhythm(np.array([1.0, 1.0, 2.0]))).all()


def test_the_typical_beat_is_of_each_recording():
    random = np.random.default_rng(0)
    shape = random.normal(size=(2, 4, 1))
    first = np.repeat(shape[:1], 5, axis=0)
    first[2] += 3.0
    second = np.repeat(shape[1:], 3, axis=0)
    values = np.concatenate([first, second]).reshape(-1, 1).astype(np.float32)
    found = against_typical(values, [5, 0, 3], 4)
    np.testing.assert_array_equal(found[:, :1], values)
    against = found[:, 1].reshape(8, 4)
    np.testing.assert_allclose(against[2], 3.0, rtol=1e-6)
    np.testing.assert_allclose(np.delete(against, 2, axis=0), 0, atol=1e-6)
