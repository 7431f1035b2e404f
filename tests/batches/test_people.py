"""Static features: hostile content is refused; what they hold is tested with the encoders."""

from __future__ import annotations

import polars as pl
import pytest

from sequela.batches.people import StaticEncoder
from sequela.errors import BundleError


@pytest.mark.parametrize(
    "change",
    [
        {"sexes": "FM"},
        {"sexes": ["F", "F"]},
        {"sexes": [1]},
        {"codes": [None]},
        {"age_spread": 0.0},
        {"age_spread": float("inf")},
        {"age_mean": None},
        {"age_mean": 50},
        {"age_mean": float("nan")},
        {"values": {}},
        {"another": 1},
    ],
)
def test_damaged_content_is_refused(change):
    content = StaticEncoder().to_dict()
    assert StaticEncoder.from_dict(content) == StaticEncoder()
    with pytest.raises(BundleError):
        StaticEncoder.from_dict({**content, **change})
    for broken in ({}, None, []):
        with pytest.raises(BundleError):
            StaticEncoder.from_dict(broken)


def test_the_last_of_several_facts_counts_and_rare_facts_are_not_learnt():
    events = pl.DataFrame(
        {
            "sample": [0, 0, 1, 1],
            "time": pl.Series([None] * 4, dtype=pl.Datetime("us")),
            "code": ["H", "H", "H", "RARE"],
            "numeric_value": [1.0, 3.0, 1.0, None],
        }
    )
    labels = pl.DataFrame({"subject_id": [5, 6]})
    subgroups = pl.DataFrame({"age": [40.0, 60.0], "sex": ["F", None]})
    encoder = StaticEncoder.fit(events, labels, subgroups, min_subjects=2)
    assert encoder.names == ("age", "H", "known H")
    found = encoder.encode(events, subgroups)
    assert found[0, 1] > 0 > found[1, 1]
    assert found[:, 2].tolist() == [1, 1]
