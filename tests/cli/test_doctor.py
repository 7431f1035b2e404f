"""What doctor says about this machine."""

from __future__ import annotations

import json
import shlex
import sys

import pytest

from sequela.cli import doctor
from sequela.ops import native
from sequela.ops.backends import VARIABLE, explain


def test_it_says_what_the_house_itself_says(capsys):
    doctor.run(as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["native_library"] == native.status()
    assert found["backends"]["lstm"] == explain("lstm")
    assert set(found["backends"]) == {"rnn_tanh", "lstm", "gru_after", "gru_before"}
    assert found["packages"]["torch"]
    assert found["packages"]["polars"]
    assert found["processor"]["threads"] >= 1
    assert found["processor"]["instruction_set"]


def test_the_promise_of_bits_is_on_with_the_library_alone(monkeypatch):
    def promise():
        return doctor.examine()["promises"]["same patient, same bits"]

    monkeypatch.delenv(VARIABLE, raising=False)
    assert promise()["on"] == (native.library() is not None)
    monkeypatch.setenv(VARIABLE, "aten")
    assert not promise()["on"]
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(native, "library", lambda: None)
    assert not promise()["on"]
    assert "absent" in promise()["why"]


def test_a_forced_backend_is_shown_and_so_is_a_bad_one(monkeypatch):
    monkeypatch.setenv(VARIABLE, "reference")
    assert "forced" in doctor.examine()["backends"]["lstm"]
    monkeypatch.setenv(VARIABLE, "abacus")
    assert "abacus" in doctor.examine()["backends"]["lstm"]
    monkeypatch.setenv(VARIABLE, "aten")
    assert "cannot compute" in doctor.examine()["backends"]["gru_before"]


def test_extras_come_with_their_install_line(monkeypatch):
    versions = {"matplotlib": None}
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, "1.0"))
    monkeypatch.setattr(
        doctor, "_requirements", lambda: {"": ["torch"], "report": ["matplotlib", "jinja2"]}
    )
    extra = doctor.examine()["extras"]["report"]
    assert extra["packages"] == {"matplotlib": None, "jinja2": "1.0"}
    assert extra["install"] == f"{shlex.quote(sys.executable)} -m pip install 'sequela[report]'"


@pytest.mark.parametrize(
    ("line", "name", "extra"),
    [
        ("torch>=2.5", "torch", None),
        ("PyYAML", "PyYAML", None),
        ("pydantic<3,>=2.8", "pydantic", None),
        ('matplotlib>=3.8; extra == "report"', "matplotlib", "report"),
        ("jinja2>=3.1; python_version > '3' and extra == 'report'", "jinja2", "report"),
        ("lightning-fabric!=2.6.2,!=2.6.3,>=2.4", "lightning-fabric", None),
    ],
)
def test_requirements_are_read(monkeypatch, line, name, extra):
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: [line])
    assert doctor._requirements() == {extra or "": [name]}


def test_the_data_folder(monkeypatch, tmp_path):
    (tmp_path / "mitdb").mkdir()
    monkeypatch.setenv("SEQUELA_DATA", str(tmp_path))
    data = doctor.examine()["data"]
    assert data == {
        "folder": str(tmp_path),
        "chosen_by": "SEQUELA_DATA",
        "exists": True,
        "present": ["mitdb"],
    }
    monkeypatch.delenv("SEQUELA_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "absent"))
    assert doctor.examine()["data"]["chosen_by"] == "default"


def test_the_table_for_people(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    monkeypatch.setattr(doctor, "_requirements", lambda: {"": ["torch"], "report": ["jinja2"]})
    doctor.run()
    lines = capsys.readouterr().out.splitlines()
    (extra,) = [line for line in lines if "missing jinja2" in line]
    assert extra.rstrip().endswith("-m pip install 'sequela[report]'"), "a pipe folds no line"
    shown = " ".join(" ".join(lines).split())
    assert "same patient, same bits" in shown
    assert "who computes" in shown
