"""Experiment files: built in, the user's own, overridden, and wrong."""

from __future__ import annotations

import pytest

from sequela import experiments
from sequela.errors import ConfigError


@pytest.mark.parametrize("name", experiments.names())
def test_built_in_experiments_are_valid(name):
    experiment = experiments.load(name)
    assert experiment.name == name
    assert experiment.data is None, "a built-in experiment names no data set"


def test_words_override(tmp_path):
    found = experiments.load("seizure", ["seed=4", "task.classes=5", f"data={tmp_path}"])
    assert (found.seed, found.task["classes"], found.data) == (4, 5, tmp_path)


def test_a_users_own_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{title: Mine, source: meds, task: {name: onset}, model: {recipe: onset_gru}}")
    assert experiments.load(str(path)).name == "mine"


@pytest.mark.parametrize("key", ["predicates", "trigger", "groupings"])
def test_a_task_is_no_experiment(tmp_path, key):
    path = tmp_path / "anaemia.yaml"
    path.write_text(f"{{title: Anaemia, {key}: {{}}}}")
    with pytest.raises(ConfigError, match=r"got a task.*task: \{name: .*anaemia.yaml\}.*tasks.md"):
        experiments.load(str(path))


def test_another_recipe_begins_with_its_own_arguments():
    words = ["model.dropout=0.5", "model.recipe=retain"]
    assert experiments.load("readmission", words).model == {"recipe": "retain", "dropout": 0.5}
    # The recipe of the file keeps what the file says.
    same = experiments.load("readmission", ["model.recipe=values_gru", "model.dropout=0.5"])
    plain = experiments.load("readmission")
    assert same.model == {**plain.model, "dropout": 0.5}
    assert plain.model["pooling"] == "last"


def test_another_encoding_begins_with_its_own_arguments():
    words = ["encoding.kind=codes", "encoding.step=event"]
    found = experiments.load("mortality", words).encoding
    assert found == {"kind": "codes", "min_subjects": 11, "step": "event"}
    same = experiments.load("mortality", ["encoding.kind=values"])
    assert same.encoding == experiments.load("mortality").encoding
    assert same.encoding["missing"] == "forward"
    # Where the file names none, it is the usual one.
    onset = experiments.load("heart_failure", ["encoding.kind=codes"])
    assert onset.encoding == {**experiments.load("heart_failure").encoding, "kind": "codes"}


def test_epochs_that_are_named_are_as_many(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "{title: Mine, source: meds, task: {name: onset}, model: {recipe: onset_gru}, "
        "training: {epochs: 6, least_steps: 400}}"
    )
    assert experiments.load(str(path), ["training.epochs=2"]).training == {"epochs": 2}
    kept = experiments.load(str(path), ["training.batch_size=8"]).training
    assert kept == {"epochs": 6, "least_steps": 400, "batch_size": 8}
    both = ["training.least_steps=9", "training.epochs=2"]
    assert experiments.load(str(path), both).training == {"epochs": 2, "least_steps": 9}


def test_nothing_takes_a_setting_out():
    assert "input_dropout" not in experiments.load("mortality", ["model.input_dropout="]).model
    assert experiments.load("mortality", ["seed=3", "seed="]).seed == 0
    with pytest.raises(ConfigError, match=r"no such setting to take out.*'input_dropout'"):
        experiments.load("mortality", ["model.input_drop="])


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("seizur", [], "Did you mean 'seizure'"),
        ("nothing/here.yaml", [], "no such file"),
        ("seizure", ["sed=1"], "Did you mean 'seed'"),
        ("seizure", ["seed=one"], "a whole number"),
        ("seizure", ["split.fractions=[.5, .5, .5]"], "sum to 1"),
        ("seizure", ["task=3"], "keys and values"),
        ("seizure", ["model={}"], "'recipe'"),
        ("seizure", ["evaluation.threshold=best"], "threshold"),
    ],
)
def test_mistakes(name, words, message):
    with pytest.raises(ConfigError, match=message):
        experiments.load(name, words)
