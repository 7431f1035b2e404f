"""The vocabulary."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from sequela.errors import BundleError, ConfigError, SchemaError
from sequela.events import Vocabulary

EVENTS = pl.DataFrame(
    {
        "subject_id": [1, 1, 1, 2, 2, 3, 3, 3],
        "code": ["often", "often", "rare", "often", "some", "often", "some", "also"],
    }
)


def test_subjects_are_counted_not_events():
    vocabulary = Vocabulary.fit(EVENTS, min_subjects=2)
    assert vocabulary.codes == ("often", "some")
    assert vocabulary.subjects == (3, 2)
    assert len(vocabulary) == 3
    assert Vocabulary.fit(EVENTS, min_subjects=1).codes == ("often", "some", "also", "rare")
    assert len(Vocabulary.fit(EVENTS)) == 1


def test_encoding_and_back():
    vocabulary = Vocabulary.fit(EVENTS, min_subjects=2)
    codes = ["some", None, "never seen", "often", "some"]
    for form in (codes, np.array(codes, dtype=object), pl.Series(codes)):
        numbers = vocabulary.encode(form)
        assert numbers.dtype == np.int32
        assert numbers.tolist() == [2, 0, 0, 1, 2]
    assert vocabulary.encode(pl.Series(codes, dtype=pl.Categorical)).tolist() == [2, 0, 0, 1, 2]
    assert vocabulary.decode([2, 0, 1]) == ["some", None, "often"]
    assert vocabulary.encode([]).tolist() == []
    assert Vocabulary.fit(EVENTS).encode(codes).tolist() == [0] * 5


def test_another_column_may_tell_subjects():
    renamed = EVENTS.rename({"subject_id": "sample"})
    fitted = Vocabulary.fit(renamed, 2, subject_column="sample")
    assert fitted == Vocabulary.fit(EVENTS, 2)
    with pytest.raises(SchemaError, match="column 'subject_id'"):
        Vocabulary.fit(renamed)
    with pytest.raises(ConfigError, match="min_subjects"):
        Vocabulary.fit(EVENTS, 0)


def test_through_json():
    vocabulary = Vocabulary.fit(EVENTS, 2)
    assert Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict()))) == vocabulary


@pytest.mark.parametrize(
    "change",
    [
        {"codes": None},
        {"codes": ["a", 1]},
        {"codes": ["a", "a"]},
        {"codes": ["a"]},
        {"subjects": ["3", "2"]},
        {"subjects": [3, 1]},
        {"min_subjects": 0},
        {"min_subjects": None},
    ],
)
def test_damaged_content(change: dict[str, object]):
    with pytest.raises(BundleError, match="the vocabulary"):
        Vocabulary.from_dict({**Vocabulary.fit(EVENTS, 2).to_dict(), **change})
