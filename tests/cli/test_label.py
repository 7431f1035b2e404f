"""`sequela label`: labels, the account of exclusions, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.command import call

import sequela
from sequela.events import read_labels

EXAMPLE = Path(sequela.__file__).parent / "tasks" / "readmission" / "example"


def test_labels_and_account(tmp_path, capsys):
    words = [f"data={EXAMPLE / 'events.csv'}", f"out={tmp_path / 'out'}"]
    assert call("label", "readmission", *words) == 0
    said = capsys.readouterr().out
    assert "Readmission. Predictions are made at stop" in said
    assert "         7        10         1  alive at the index date" in said
    assert "8 samples of 6 subjects, 1 with the outcome." in said
    labels = read_labels(tmp_path / "out" / "labels")
    assert labels.write_csv() == (EXAMPLE / "expected_labels.csv").read_text()
    account = (tmp_path / "out" / "attrition.csv").read_text()
    assert account == (EXAMPLE / "expected_attrition.csv").read_text()
    # What is there stays there, which is said before any data are read.
    assert call("label", "readmission", "data=nowhere", *words[1:]) == 1
    assert "got one that exists already" in capsys.readouterr().err


def test_settings_and_json(capsys):
    words = [f"data={EXAMPLE / 'events.csv'}", "task.within=2w", "--json"]
    assert call("label", "readmission", *words) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["samples"], said["with the outcome"]) == (8, 0)
    assert "14 days after index" in said["description"]


def test_the_question_of_an_experiment_is_that_of_training(tmp_path, capsys):
    onset = EXAMPLE.parents[1] / "onset" / "example" / "events.csv"
    words = [f"data={onset}", "task.outcome=heart_failure", "--json"]
    assert call("label", "onset", *words) == 0
    said = json.loads(capsys.readouterr().out)["description"]
    # Not the landmark of the task itself, which is what the experiment heart_failure asks.
    assert "at each visit at least 365 days" in said
    assert "within 1825 days" in said
    assert call("label", "heart_failure", *words) == 0
    assert "made 730 days after" in json.loads(capsys.readouterr().out)["description"]
    path = tmp_path / "mine.yaml"
    path.write_text("{title: T, source: meds, task: {name: onset}, model: {recipe: onset_gru}}")
    assert call("label", path, *words) == 0
    assert "made 730 days after" in json.loads(capsys.readouterr().out)["description"]


def test_a_task_of_ones_own(tmp_path, capsys):
    path = tmp_path / "drugs.yaml"
    path.write_text(
        "{kind: cohort, name: drugs, options: {drug: Heparin},"
        " predicates: {drug: {exact: ['DRUG//{drug}']}},"
        " index: {at: record_start}, prediction: null, label: {kind: count, predicate: drug}}"
    )
    words = [f"data={EXAMPLE / 'events.csv'}"]
    assert call("label", path, *words, f"out={tmp_path / 'heparin'}") == 0
    assert read_labels(tmp_path / "heparin" / "labels")["integer_value"].sum() == 2
    assert call("label", path, *words, "task.drug=Aspirin", f"out={tmp_path / 'aspirin'}") == 0
    assert read_labels(tmp_path / "aspirin" / "labels")["integer_value"].sum() == 1
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["readmission"], "setting 'data': got nothing"),
        (["readmision", "data=x"], "Did you mean 'readmission'"),
        (["readmission", "data=nowhere"], "no such file"),
        (["readmission", "dat=x"], "Did you mean 'data'"),
        (["none.yaml", "data=x"], "no such file"),
        (["seizure", "data=x"], "task seizure: got a task on signals"),
        (["readmission", "data=x", "task={after: 1d}"], "with the key 'name'"),
    ],
)
def test_mistakes(words, message, capsys):
    assert call("label", *words) != 0
    assert message in capsys.readouterr().err


def test_nobody_is_left(tmp_path, capsys):
    words = [f"data={EXAMPLE / 'events.csv'}", f"out={tmp_path / 'out'}"]
    assert call("label", "readmission", *words, "task.include=[{age: {min: 120}}]") == 1
    table, said = capsys.readouterr()
    assert "too few cases: no subject is left" in said
    assert "  aged 120 or more\n" in table
    assert not (tmp_path / "out").exists()
