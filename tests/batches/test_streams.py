"""One long text as rows: each symbol is asked for once, after all that may be read before it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequela.batches.streams import StreamEncoder
from sequela.errors import BundleError, ConfigError, DataError


def test_symbols_of_the_training_text():
    encoder = StreamEncoder.fit("aab\nb", 2)
    assert encoder.symbols == ("a", "b")
    assert encoder.size == 3
    assert encoder.numbers("b\nxa").tolist() == [2, 0, 0, 1]
    assert encoder.text([1, 0, 2]) == "a\ufffdb"
    again = StreamEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again.symbols == encoder.symbols


@given(
    text=st.text("abcd", min_size=2, max_size=60),
    row=st.integers(1, 70),
    context=st.integers(0, 9),
)
def test_each_symbol_but_the_first_is_asked_for_once(text, row, context):
    encoder = StreamEncoder("abc")
    samples = encoder.samples(text, row, context, "part")
    numbers, asked = encoder.numbers(text), []
    assert samples.codes is not None
    codes = samples.codes.reshape(-1, 2)
    end = 0
    for start, length, count in zip(samples.starts, samples.lengths, samples.target, strict=True):
        read, wanted = codes[start : start + length].T
        before = min(context, end)
        assert np.array_equal(read, numbers[end - before : end + count])
        assert (wanted[:before] == encoder.size).all()
        assert count <= row
        asked += wanted[before:].tolist()
        end += int(count)
    assert asked == numbers[1:].tolist()
    assert np.ptp(samples.target) <= 1
    assert len(set(samples.groups)) == len(samples)


def test_mistakes():
    with pytest.raises(DataError, match="1 symbols"):
        StreamEncoder("ab").samples("a", 5)
    for symbols in (["a", "a"], ["ab"]):
        with pytest.raises(ConfigError, match="different single characters"):
            StreamEncoder(symbols)
        with pytest.raises(BundleError, match="single characters"):
            StreamEncoder.from_dict({"symbols": symbols})
    with pytest.raises(BundleError, match="no list"):
        StreamEncoder.from_dict({"symbols": "ab"})
