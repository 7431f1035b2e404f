"""The task onset: its example, its outcome, and the register of tasks."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sequela import tasks
from sequela.cohort import OnsetDeclaration, build_cohort
from sequela.errors import ConfigError
from sequela.events import EventData

EXAMPLE = Path(tasks.__file__).parent / "onset" / "example"


def test_the_example():
    declared = tasks.declaration("onset", outcome="heart_failure")
    cohort = build_cohort(EventData.open(EXAMPLE / "events.csv"), declared)
    assert cohort.labels.write_csv() == (EXAMPLE / "expected_labels.csv").read_text()
    attrition = pl.DataFrame(cohort.attrition).write_csv()
    assert attrition == (EXAMPLE / "expected_attrition.csv").read_text()
    assert cohort.subgroups["sex"].to_list() == [
        "female", "male", "male", "female", "female", "female", "male",
    ]  # fmt: skip
    assert cohort.notes == ()


def test_the_files_are_sound():
    assert "onset" in tasks.names()
    for outcome in tasks.outcomes("onset"):
        OnsetDeclaration.parse(tasks.declaration("onset", outcome=outcome))


@pytest.mark.parametrize(
    "code",
    [
        "ICD10CM//I50.9",
        "ICD10CM//I50",
        "ICD10//I11.0",
        "ICD-10-CM//I110",
        "ICD10CM/I13.2",
        "DIAGNOSIS//ICD//10//I130",
        "DIAGNOSIS//ICD//10//I5023",
        "DIAGNOSIS//ICD//9//4280",
        "DIAGNOSIS//ICD10CM//I13.0",
        "ICD9CM//428.0",
        "ICD9CM//404.93",
        "DIAGNOSIS//ICD//9//40291",
        "SNOMED//84114007",
        "SNOMED/88805009",
        "SNOMED-CT//42343007",
        "CONDITION//SNOMED//84114007",
        "84114007",
    ],
)
def test_codes_that_mean_heart_failure(code: str):
    outcome = OnsetDeclaration.parse(tasks.declaration("onset")).outcome
    assert outcome.among(pl.Series([code])).to_list() == [code]


@pytest.mark.parametrize(
    "code",
    [
        "ICD10CM//I51.9",
        "ICD10CM//I11.9",
        "ICD10CM//I13.1",
        "DIAGNOSIS//ICD//9//V4281",
        "DIAGNOSIS//ICD//10//I428",
        "DIAGNOSIS//ICD//9//40290",
        "DIAGNOSIS//ICD//9//40492",
        "LAB//42810//mg",
        "LAB//51428//%",
        "SNOMED//841140071",
        "PROCEDURE//ICD//9//4281",
        "PROCEDURE//ICD//10//I50",
        "DRG//APR//194//HEART FAILURE",
    ],
)
def test_codes_that_do_not(code: str):
    outcome = OnsetDeclaration.parse(tasks.declaration("onset")).outcome
    assert outcome.among(pl.Series([code])).to_list() == []


@pytest.mark.parametrize(
    ("outcome", "inside", "outside"),
    [
        (
            "hypertension",
            ["ICD10CM//I10", "ICD10CM//I13.2", "ICD9CM//4019", "DIAGNOSIS//ICD//9//40501",
             "SNOMED//38341003", "SNOMED//59621000", "DIAGNOSIS//ICD//10//I160"],
            ["ICD10CM//I14", "ICD10CM//I27.0", "ICD9CM//4160", "ICD9PROC//4011",
             "SNOMED//302870006", "ICD10CM//O10.0", "PROCEDURE//ICD//9//4019"],
        ),
        (
            "coronary",
            ["ICD10CM//I25.10", "ICD10CM//I214", "ICD9CM//41401", "DIAGNOSIS//ICD//9//4111",
             "SNOMED//53741008", "SNOMED//22298006", "SNOMED//414545008"],
            ["ICD10CM//I26.9", "ICD10CM//Z95.1", "ICD9CM//4151", "SNOMED//399211009",
             "ICD9PROC//4101", "ICD10PCS//I250", "SNOMED//399261000"],
        ),
    ],
)  # fmt: skip
def test_the_other_outcomes(outcome: str, inside: list[str], outside: list[str]):
    declared = OnsetDeclaration.parse(tasks.declaration("onset", outcome=outcome)).outcome
    assert sorted(declared.among(pl.Series([*inside, *outside]))) == sorted(inside)


def test_overrides():
    declared = tasks.declaration("onset", gap_days=90, **{"index.rule": "visit"})
    assert declared["gap_days"] == 90
    assert declared["index"] == {"rule": "visit", "days": 730}
    assert tasks.declaration("onset", index={"days": 365})["index"] == {
        "rule": "landmark", "days": 365,
    }  # fmt: skip
    own = {"name": "gout", "prefix": ["ICD10CM//M10"]}
    assert OnsetDeclaration.parse(tasks.declaration("onset", outcome=own)).outcome.words == "gout"
    more = tasks.declaration("onset", **{"outcome.exact": ["HF"]})
    assert OnsetDeclaration.parse(more).outcome.exact == ("HF",)
    assert tasks.declaration("onset")["gap_days"] == 30


@pytest.mark.parametrize(
    "overrides",
    [
        {"outcome": {"prefix": ["ICD10CM//M10"]}},
        {"outcome": {"name": "heart_failure", "prefix": ["ICD10CM//M10"]}},
        {"outcome": "heart_failure", "outcome.prefix": ["ICD10CM//M10"]},
        {"outcome.prefix": ["ICD10CM//M10"]},
    ],
    ids=str,
)
def test_a_changed_outcome_keeps_the_rest_of_its_set_but_not_its_name(overrides):
    usual = tasks.declaration("onset")["outcome"]
    changed = tasks.declaration("onset", **overrides)["outcome"]
    assert changed["name"] == "heart_failure_changed"
    assert changed["title"] == "heart failure (changed codes)"
    assert changed["prefix"] == ["ICD10CM//M10"]
    assert changed["regex"] == usual["regex"]
    # What was resolved once stays as it is.
    assert tasks.declaration("onset", outcome=changed)["outcome"] == changed
    assert tasks.declaration("onset", outcome=usual)["outcome"] == usual
    again = tasks.declaration("onset", outcome={"prefix": usual["prefix"]})["outcome"]
    assert again["name"] == "heart_failure"


def test_codes_below_others_change_an_outcome_too():
    changed = tasks.declaration("onset", **{"outcome.descendants": ["SNOMED//1"]})["outcome"]
    assert changed["name"] == "heart_failure_changed"


def test_other_words_do_not_change_an_outcome():
    worded = tasks.declaration("onset", outcome={"title": "weak heart"})["outcome"]
    assert (worded["name"], worded["title"]) == ("heart_failure", "weak heart")
    with pytest.raises(ConfigError, match="outcome"):
        OnsetDeclaration.parse(tasks.declaration("onset", outcome=5))


def test_mistakes():
    with pytest.raises(ConfigError, match=r"task 'onsett': got no such task. Did you mean 'onset'"):
        tasks.declaration("onsett")
    with pytest.raises(ConfigError, match=r"outcome 'gout' of task onset: .* heart_failure"):
        tasks.declaration("onset", outcome="gout")
    with pytest.raises(ConfigError, match="'gap_days' is no table"):
        tasks.declaration("onset", **{"gap_days.x": 1})


@pytest.mark.data
def test_the_demo_of_mimic4(data_root: Path):
    data = EventData.open(data_root / "mimic4_demo_meds")
    declared = tasks.declaration(
        "onset", min_visits=1, censoring="negative", gap_days=0, index={"rule": "visit", "days": 0}
    )
    cohort = build_cohort(data, declared)
    assert cohort.attrition[0] == {
        "step": "in the data", "subjects": 100, "samples": None, "excluded": 0,
    }  # fmt: skip
    assert cohort.labels["boolean_value"].sum() == 17
    assert cohort.subgroups["sex"].value_counts().sort("sex").rows() == [
        ("female", 43),
        ("male", 57),
    ]
