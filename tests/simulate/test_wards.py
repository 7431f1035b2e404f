"""The simulated stays: drawn by the law, the truth that of what was written, asked by the task."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from sequela import simulate, tasks
from sequela.cohort import build_cohort, parse_declaration
from sequela.errors import ConfigError
from sequela.seeds import generator
from sequela.simulate.prescribing import (
    AVOIDED,
    DRUGS,
    FIRST,
    GIVEN,
    HEEDED,
    PROBLEMS,
    chances,
    drugs_of,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return simulate.prescriptions(tmp_path_factory.mktemp("wards") / "data", 400, seed=2)


def test_drugs_are_ordered_as_often_as_the_law_says():
    random = generator(0, "stays")
    problems = random.random((5, len(PROBLEMS))) < 0.6
    second = random.random(problems.shape) < 0.5
    many = 20_000
    drawn = drugs_of(random, np.repeat(second, many, 0), np.repeat(problems, many, 0))
    found = drawn.reshape(5, many, -1).mean(axis=1)
    wanted = chances(second.astype(float), problems)
    assert np.abs(found - wanted).max() < 5 * 0.5 / many**0.5
    assert (found[wanted == 0] == 0).all()


def test_the_chances_of_a_pair_by_hand():
    problems = np.zeros((1, len(PROBLEMS)), bool)
    for place, problem in enumerate(PROBLEMS):
        problems[0, place] = (
            AVOIDED[0][0] in problem.treatments or AVOIDED[0][1] in problem.treatments
        )
    found = dict(zip(DRUGS, chances(np.zeros(problems.shape), problems)[0], strict=True))
    assert found[AVOIDED[0][0]] == GIVEN
    assert found[AVOIDED[0][1]] == pytest.approx(GIVEN * (1 - HEEDED * GIVEN))


def stays_of(events: pl.DataFrame):
    """The codes between discharges, and of each stay, in order of time."""
    before, during, inside = [], [], False
    for code in events["code"].to_list():
        if code.startswith("HOSPITAL_ADMISSION"):
            inside, during = True, []
        elif code.startswith("HOSPITAL_DISCHARGE"):
            yield before, during
            inside, before = False, []
        else:
            (during if inside else before).append(code)


def test_the_truth_is_that_of_the_written_record(data):
    truth = pl.read_parquet(data.root / simulate.CHANCES_FILE)
    alone = {code for pair in AVOIDED for code in pair[1:]}
    checked = 0
    for (subject,), events in data.read().group_by("subject_id", maintain_order=True):
        rows = truth.filter(pl.col("subject_id") == subject).to_dicts()
        last: dict[str, int] = {}
        for place, (before, during) in enumerate(stays_of(events)):
            for problem in PROBLEMS:
                has = problem.code in during
                chance = [rows[place][code] for code in problem.treatments]
                if not has:
                    assert chance == [0, 0]
                    continue
                if place == 0 and not set(problem.treatments) & alone:
                    assert chance == pytest.approx([GIVEN * FIRST, GIVEN * (1 - FIRST)])
                elif problem.code in last:
                    choice = last[problem.code] ^ (problem.complaint in before)
                    assert chance[1 - choice] == 0
                    assert chance[choice] <= GIVEN
                    checked += 1
                last.pop(problem.code, None)
                for choice, code in enumerate(problem.treatments):
                    if code in during:
                        last[problem.code] = choice
        assert place + 1 == len(rows)
    assert checked > 800


def test_the_task_asks_once_a_stay_where_the_truth_is_known(data):
    cohort = build_cohort(data, parse_declaration(tasks.declaration("prescription")))
    labels = cohort.labels
    found = simulate.true_chances(data, labels, (DRUGS[0], "ATC//NONE"))
    assert found is not None
    assert found.shape == (labels.height, 2)
    assert (found[:, 1] == 0).all()
    assert 0.2 < found[:, 0].mean() < 0.6
    moved = labels.with_columns(pl.col("prediction_time") + pl.duration(hours=1))
    assert simulate.true_chances(data, moved, DRUGS) is None


def test_same_seed_same_events_and_pairs_are_given_together(data, tmp_path):
    again = simulate.prescriptions(tmp_path / "again", 400, seed=2)
    assert again.read().equals(data.read())
    listed = pl.read_csv(data.root / simulate.INTERACTIONS_FILE)
    assert listed.columns == ["first", "second"]
    together = 0
    for _, events in data.read().group_by("subject_id"):
        for _, during in stays_of(events):
            together += sum({*pair} <= {*during} for pair in AVOIDED)
    assert together > 50
    with pytest.raises(ConfigError, match="subjects"):
        simulate.prescriptions(tmp_path / "none", 0)
