"""Every mistake in the settings becomes one line: what, where, what to do."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field

from sequela import settings
from sequela.errors import ConfigError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    epochs: int = Field(1, ge=1)
    rate: float = 0.1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    training: Inner = Inner()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"name": "x", "trainin": {}},
            r"'trainin' of run: got an unknown key. Did you mean 'training'",
        ),
        ({"name": "x", "training": {"epoch": 3}}, r"'training.epoch'.*Did you mean 'epochs'"),
        ({"name": "x", "training": {"epochs": "three"}}, r"'training.epochs'.*a whole number"),
        (
            {"name": "x", "training": {"epochs": 0}},
            r"'training.epochs'.*greater than or equal to 1",
        ),
        ({"name": "x", "training": 3}, r"'training'.*keys and values"),
        ({}, r"'name' of run: got nothing"),
    ],
)
def test_mistakes(values, message):
    with pytest.raises(ConfigError, match=message) as caught:
        settings.checked(Outer, values, "run")
    assert "\n" not in str(caught.value)


def test_good_settings():
    assert (
        settings.checked(Outer, {"name": "x", "training": {"epochs": 3}}, "run").training.epochs
        == 3
    )


def test_override_reaches_into_tables_and_copies():
    before = {"training": {"epochs": 1}, "seed": 0}
    words = ["training.epochs=3", "seed=7", "task.classes=[a, b]", "x=null"]
    after = settings.override(before, words)
    assert after == {
        "training": {"epochs": 3},
        "seed": 7,
        "task": {"classes": ["a", "b"]},
        "x": None,
    }
    assert before == {"training": {"epochs": 1}, "seed": 0}


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("1E3", 1000.0), ("3", 3), (".5", 0.5), ("e3", "e3")]
)
def test_numbers_are_numbers(text, value):
    found = settings.override({}, [f"x={text}"])["x"]
    assert found == value
    assert type(found) is type(value)


def test_paths_are_taken_as_they_stand():
    found = settings.override({}, ["data=5", "out=a #b", "labels="], ("data", "out", "labels"))
    assert found == {"data": "5", "out": "a #b", "labels": None}


def test_nothing_takes_a_key_out():
    before = {"training": {"epochs": 1, "patience": None}, "seed": 0}
    after = settings.override(before, ["training.patience=", "seed="])
    assert after == {"training": {"epochs": 1}}
    assert before == {"training": {"epochs": 1, "patience": None}, "seed": 0}
    assert settings.override(before, ["seed=", "seed=3"])["seed"] == 3
    with pytest.raises(ConfigError, match=r"no such setting to take out.*mean 'epochs'"):
        settings.override(before, ["training.epoch="])
    with pytest.raises(ConfigError, match=r"no such setting to take out.*null"):
        settings.override({}, ["column="])


def test_a_text_that_is_reached_into_becomes_a_name():
    found = settings.override({"outcome": "hf"}, ["outcome.prefix=[I50]"])
    assert found == {"outcome": {"name": "hf", "prefix": ["I50"]}}


def test_paths_may_begin_with_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    found = settings.override({}, ["data=~/records", "other=~/x"], ("data",))
    assert found == {"data": "/somewhere/records", "other": "~/x"}


@pytest.mark.parametrize("word", ["a=2021-99-99", "a=" + "[" * 5000])
def test_values_that_yaml_itself_cannot_bear(word):
    with pytest.raises(ConfigError, match="unreadable"):
        settings.override({}, [word])


@pytest.mark.parametrize("word", ["epochs", "=3", "seed.a=1", "a=[1"])
def test_bad_words(word):
    with pytest.raises(ConfigError):
        settings.override({"seed": 0}, [word])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1", "not YAML at line"),
        (b"- 1", "got list"),
        (b"", "got NoneType"),
        (b"\xff\xfe\x00", "UnicodeDecodeError"),
        (b"a: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        settings.read_yaml(path)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        settings.read_yaml(tmp_path / "a.yaml")
    with pytest.raises(ConfigError, match="IsADirectoryError"):
        settings.read_yaml(tmp_path)
