from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly
from tests.signals.pretend import recording

from sequela.errors import ConfigError
from sequela.signals.resampling import ratio, resampled

RATES = st.sampled_from([50.0, 100.0, 128.0, 160.0, 250.0, 360.0, 173.61])


def wave(rate: float, seconds: float, frequency: float = 3.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def test_the_same_rate_changes_nothing():
    values = np.arange(30.0)
    one = recording({"Cz": (10.0, values)})
    np.testing.assert_array_equal(resampled(one, (0,), 10.0, 5, 9)[:, 0], values[5:9])


@given(source=RATES, target=RATES)
def test_a_slow_wave_stands_at_its_own_times(source, target):
    one = recording({"Cz": (source, wave(source, 4.0))})
    result = resampled(one, (0,), target, round(target), round(2 * target))[:, 0]
    times = np.arange(round(target), round(2 * target)) / target
    np.testing.assert_allclose(result, np.sin(2 * np.pi * 3.0 * times), atol=2e-2)


@given(
    first=st.integers(0, 200),
    length=st.integers(1, 100),
    rates=st.sampled_from([(360.0, 250.0), (100.0, 256.0), (250.0, 50.0)]),
)
def test_a_block_is_a_piece_of_the_whole(first, length, rates):
    source, target = rates
    values = np.random.default_rng(1).normal(size=round(source * 5))
    one = recording({"Cz": (source, values)})
    exact = Fraction(int(target), int(source))
    whole = resample_poly(np.pad(values, 2000, mode="edge"), exact.numerator, exact.denominator)
    # 2000 source samples are a whole number of new ones for these rates or are rounded up to it.
    ahead = Fraction(2000) * exact
    if ahead.denominator != 1:
        return
    last = min(first + length, int(5 * target))
    expected = whole[int(ahead) + first : int(ahead) + last]
    np.testing.assert_allclose(resampled(one, (0,), target, first, last)[:, 0], expected, atol=1e-5)


def test_gaps_stay_gaps_and_do_not_spread():
    values = wave(100.0, 4.0)
    values[150:200] = np.nan
    result = resampled(recording({"Cz": (100.0, values)}), (0,), 50.0, 0, 200)[:, 0]
    assert np.isnan(result[76:99]).all()
    assert np.isfinite(result[:75]).all()
    assert np.isfinite(result[101:]).all()
    nothing = resampled(recording({"Cz": (100.0, values * np.nan)}), (0,), 50.0, 0, 20)
    assert np.isnan(nothing).all()


def test_rates_without_a_handy_ratio_are_refused():
    assert ratio(360.0, 250.0) == Fraction(25, 36)
    with pytest.raises(ConfigError, match=r"no handy ratio to the recording's 173\.61"):
        ratio(173.61, 127.9999)
