"""Parts by patient, site or time: no patient in two; whoever would be is left out and counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequela.errors import ConfigError, DataError
from sequela.events import PARTS, EventData, write_events
from sequela.experiments import SplitSettings
from sequela.settings import checked
from sequela.train import dealing
from sequela.train.dealing import NOWHERE, deal, rolling_origins

START = datetime(2020, 1, 1)


def _data(root: Path, rows) -> EventData:
    """Rows of (subject, day or None, code)."""
    frame = pl.DataFrame(
        {
            "subject_id": [row[0] for row in rows],
            "time": [None if row[1] is None else START + timedelta(days=row[1]) for row in rows],
            "code": [row[2] for row in rows],
        },
        schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String},
    )
    write_events(root, [frame.sort("subject_id", "time")])
    return EventData.open(root)


def _labels(rows) -> pl.DataFrame:
    """Rows of (subject, day of the prediction); labels alternate."""
    return pl.DataFrame(
        {
            "subject_id": [row[0] for row in rows],
            "prediction_time": [START + timedelta(days=row[1]) for row in rows],
            "boolean_value": [place % 2 == 0 for place in range(len(rows))],
        }
    )


def _subjects_in_two_parts(labels: pl.DataFrame, part: np.ndarray) -> int:
    placed = labels.with_columns(part=pl.Series(part)).filter(pl.col("part") != NOWHERE)
    return (
        placed.group_by("subject_id")
        .agg(pl.col("part").n_unique())
        .filter(pl.col("part") > 1)
        .height
    )


def test_several_labels_of_a_patient_are_in_one_part(tmp_path: Path):
    data = _data(tmp_path / "d", [(subject, 0, "A") for subject in range(60)])
    labels = _labels([(subject, day) for subject in range(60) for day in range(3)])
    part, said = deal(data, labels, labels["boolean_value"].to_numpy(), SplitSettings(), 0)
    assert set(part) == set(PARTS)
    assert _subjects_in_two_parts(labels, part) == 0
    assert said == ()
    again, _ = deal(data, labels, labels["boolean_value"].to_numpy(), SplitSettings(), 1)
    assert (again != part).any()


def test_by_time_the_past_trains_and_the_future_is_held_out(tmp_path: Path):
    data = _data(tmp_path / "d", [(1, 0, "A")])
    rows = [(place // 2, place // 2 + 40 * (place % 2)) for place in range(200)]
    labels = _labels([*rows, *((200 + day, day) for day in range(140))])
    part, said = deal(data, labels, labels["boolean_value"].to_numpy(), SplitSettings(by="time"), 0)
    time = labels["prediction_time"].to_numpy()
    assert time[part == "train"].max() < time[part == "tuning"].min()
    assert time[part == "tuning"].max() < time[part == "held_out"].min()
    assert _subjects_in_two_parts(labels, part) == 0
    lost = int((part == NOWHERE).sum())
    assert lost > 0
    assert f"{lost} later labels" in said[0]


def test_by_time_with_one_date_is_refused(tmp_path: Path):
    data = _data(tmp_path / "d", [(1, 0, "A")])
    labels = _labels([(subject, 3) for subject in range(30)])
    with pytest.raises(DataError, match=r"split\.by=subject"):
        deal(data, labels, np.zeros(30, bool), SplitSettings(by="time"), 0)


def test_by_site_no_site_is_in_two_parts(tmp_path: Path):
    events = [(subject, 1, f"SITE//{subject % 6}") for subject in range(90)]
    events += [(0, 2, "SITE//5"), (1, 50, "SITE//0"), (90, 1, "OTHER")]
    labels = _labels([(subject, 10) for subject in range(91)] + [(1, 60)])
    data = _data(tmp_path / "d", events)
    part, said = deal(
        data, labels, labels["boolean_value"].to_numpy(), SplitSettings(by="site", site="SITE//"), 0
    )
    # Subject 0 is judged where it was last seen before the prediction, subject 1 has two sites.
    site = [5, *(subject % 6 for subject in range(1, 90)), None, 0]
    parts_of = {}
    for where, place in zip(site, part, strict=True):
        if place != NOWHERE:
            parts_of.setdefault(where, set()).add(place)
    assert all(len(found) == 1 for found in parts_of.values())
    assert None not in parts_of
    assert {place for found in parts_of.values() for place in found} == set(PARTS)
    assert _subjects_in_two_parts(labels, part) == 0
    assert "6 sites" in said[0]
    assert "1 labels without a site" in said[0]
    if parts_of[0] != parts_of[1]:
        assert part[1] == part[91] == NOWHERE


def test_too_few_sites_and_wrong_settings(tmp_path: Path):
    data = _data(tmp_path / "d", [(subject, 1, f"SITE//{subject % 2}") for subject in range(20)])
    labels = _labels([(subject, 10) for subject in range(20)])
    with pytest.raises(ConfigError, match="got site, of which the data have 2"):
        deal(
            data,
            labels,
            labels["boolean_value"].to_numpy(),
            SplitSettings(by="site", site="SITE//"),
            0,
        )
    for wrong in ({"by": "site"}, {"site": "SITE//"}, {"by": "hour"}):
        with pytest.raises(ConfigError, match="split"):
            checked(SplitSettings, wrong, "split")


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), min_size=8, max_size=60),
    st.sampled_from(["subject", "time"]),
)
def test_no_patient_is_ever_in_two_parts(tmp_path_factory, rows, by):
    labels = _labels(rows)
    data = _data(tmp_path_factory.mktemp("d") / "meds", [(1, 0, "A")])
    try:
        part, _ = deal(data, labels, labels["boolean_value"].to_numpy(), SplitSettings(by=by), 0)
    except DataError:
        assert by == "time"
        return
    assert len(part) == len(rows)
    assert _subjects_in_two_parts(labels, part) == 0


def test_the_site_of_a_label_is_the_last_one_known_at_its_prediction(tmp_path: Path):
    data = _data(tmp_path / "data", [(1, 0, "SITE//a"), (1, 2, "SITE//b"), (1, 2, "X")])
    times = [START + timedelta(days=day) for day in (-1, 0, 1, 2)]
    labels = pl.DataFrame({"subject_id": [1] * 4, "prediction_time": times})
    found = dealing._sites(data, labels, "SITE//")
    assert found.to_list() == [None, "SITE//a", "SITE//a", "SITE//b"]


def test_blocks_of_time_end_where_their_part_does():
    start, days = datetime(2020, 1, 1), 101
    times = [start + day * timedelta(days=1) for day in range(days)]
    labels = pl.DataFrame({"subject_id": [1] * days, "prediction_time": times})
    part, groups, _ = rolling_origins(labels, (0.7, 0.15, 0.15), timedelta(days=7))
    blocks = {name: set(groups[part == name]) for name in ("train", "tuning", "held_out")}
    assert not blocks["train"] & blocks["tuning"]
    assert not blocks["tuning"] & blocks["held_out"]
    # Origins 64 to 69 look into the tuning part, which begins on day 70.
    assert np.flatnonzero(part == NOWHERE)[:6].tolist() == [64, 65, 66, 67, 68, 69]
