"""Players: each computes the same model, answers line by line, and is missed in words."""

from __future__ import annotations

import importlib
import io
import json
import sys
import types
from itertools import product
from pathlib import Path
from typing import Any

import engine_parts.child as child
import numpy as np
import pytest
from engine_parts.pipes import Child, Players
from engine_parts.players import Unsupported
from engine_parts.problem import GATES, LENGTHS, Case, build, lengths_of
from engine_parts.rows import agrees

CASES = [
    Case(cell, 3, 20, 2, 5, lengths, mode, "float32", 1)
    for cell, lengths, mode in product(GATES, LENGTHS, ("forward", "training"))
]
STEPS = [
    Case(cell, 1, 1, 3, 4, "dense", mode, "float32", 1)
    for mode, cell in product(("step", "stepper"), GATES)
    if (mode, cell) != ("step", "gru_before")
]


def test_the_lengths_of_these_cases_differ():
    assert len(set(lengths_of(CASES[2]))) > 1


def sums(name: str, case: Case) -> list[float]:
    player = importlib.import_module(f"engine_parts.players.{name}")
    work, result = player.prepare(build(case), 1)
    work()
    return result()


@pytest.mark.parametrize(
    ("name", "needed"),
    [("torch_player", "torch"), ("onnxruntime_player", "onnxruntime"), ("jax_player", "jax")]
    + [("keras_player", "keras")],
)
def test_a_rival_computes_the_same_model(name: str, needed: str):
    pytest.importorskip(needed)
    found = 0
    for case in [*CASES, *STEPS]:
        ours = sums("ours", case)
        assert ours[0] > 0
        assert (ours[1] > 0) == (case.mode == "training")
        try:
            theirs = sums(name, case)
        except Unsupported:
            continue
        assert agrees(ours, theirs, "float32"), case.key
        found += 1
    assert found >= 20


def test_another_model_does_not_agree():
    lstm = Case("lstm", 3, 20, 2, 5, "dense", "training", "float32", 1)
    right = sums("ours", lstm)
    assert not agrees(right, sums("ours", lstm._replace(lengths="packed")), "float32")
    assert not agrees(right, [right[0], right[1] * 1.1], "float32")


def test_lengths_are_those_of_the_specification():
    case = Case("lstm", 64, 400, 8, 8, "packed", "forward", "float32", 1)
    lengths = lengths_of(case)
    assert lengths[0] == 400
    assert (np.diff(lengths) <= 0).all()
    assert 8 < np.median(lengths) < 18
    twice = case._replace(lengths="batch twice")
    assert lengths_of(twice).sum() == 2 * lengths.sum()
    padded = build(case._replace(lengths="padded twice"))
    assert padded.x.shape == (64, 800, 8)
    assert padded.lengths.tolist() == lengths.tolist()
    assert case.multiply_adds == lengths.sum() * 4 * 8 * 16
    assert case._replace(mode="training").multiply_adds == 3 * case.multiply_adds


def answers(monkeypatch: pytest.MonkeyPatch, player: Any, *requests: dict) -> list[dict]:
    monkeypatch.setitem(sys.modules, "engine_parts.players.made_up", player)
    given = io.StringIO("".join(json.dumps(request) + "\n" for request in requests))
    got = io.StringIO()
    child.serve("made_up", 2, given, got)
    return [json.loads(line) for line in got.getvalue().splitlines()]


def made_up(prepare: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        start=lambda threads: None, versions=lambda: {"made_up": "1"}, prepare=prepare
    )


def test_the_protocol(monkeypatch: pytest.MonkeyPatch):
    calls = []

    def prepare(problem: Any, threads: int) -> Any:
        if problem.case.cell == "lstm":
            raise Unsupported("it has no lstm")
        if problem.case.cell == "gru_after":
            raise ValueError("no luck in /some/place\nmore")
        return lambda: calls.append(threads), lambda: [1.0, 0.0]

    def case(cell: str) -> dict:
        return {"do": "prepare", "case": [cell, 1, 2, 3, 4, "dense", "forward", "float32", 2]}

    run = {"do": "run", "count": 3, "warm": 2}
    got = answers(
        monkeypatch,
        made_up(prepare),
        run,
        case("rnn_tanh"),
        run,
        {"do": "drop"},
        run,
        case("lstm"),
        case("gru_after"),
        {"do": "dance"},
    )
    assert got[0] == {"ready": {"made_up": "1"}}
    assert got[1] == {"error": "RuntimeError: nothing is prepared"}
    assert got[2] == {"checksum": [1.0, 0.0]}
    assert len(got[3]["seconds"]) == 3
    assert calls == [2] * 5
    assert got[4] == {}
    assert "error" in got[5]
    assert got[6] == {"unsupported": "it has no lstm"}
    assert got[7] == {"error": "ValueError: no luck in"}
    assert "error" in got[8]


def test_slots_are_beside_each_other(monkeypatch: pytest.MonkeyPatch):
    calls = []

    def prepare(problem: Any, threads: int) -> Any:
        return lambda: calls.append(problem.case.B), lambda: [1.0, 0.0]

    def case(B: int) -> dict:
        return {"do": "prepare", "case": ["lstm", B, 2, 3, 4, "dense", "forward", "float32", 2]}

    run = {"do": "run", "count": 1, "warm": 0}
    base = {"slot": "base"}
    requests = [case(1), case(2) | base, run, run | base, {"do": "drop"}, run, run | base]
    got = answers(monkeypatch, made_up(prepare), *requests)
    assert calls == [1, 2]
    assert all("error" in answer for answer in got[-2:])


def test_who_cannot_be_imported_is_absent(monkeypatch: pytest.MonkeyPatch):
    def start(threads: int) -> None:
        raise ModuleNotFoundError("No module named 'jax'")

    player = types.SimpleNamespace(start=start)
    assert answers(monkeypatch, player) == [
        {"absent": "ModuleNotFoundError: No module named 'jax'"}
    ]


def test_a_child_process_answers_and_ends():
    command = [sys.executable, "-m", "engine_parts.child", "torch_player", "1"]
    process = Child(command)
    assert "torch" in process.greeting["ready"]
    case = Case("rnn_tanh", 2, 3, 2, 4, "dense", "forward", "float32", 1)
    answer = process.ask({"do": "prepare", "case": list(case)})
    assert agrees(answer["checksum"], sums("ours", case), "float32")
    assert len(process.ask({"do": "run", "count": 2, "warm": 0})["seconds"]) == 2
    process.close()
    assert not process.alive
    assert process.ask({"do": "drop"}) == {"error": "the process is gone"}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import time; time.sleep(60)", "no answer within 0.5 s"),
        ("raise SystemExit(3)", "the process ended with 3"),
        ("print('hello')", "the answer is not JSON"),
    ],
)
def test_a_child_that_hangs_or_dies_is_an_answer(code: str, why: str):
    process = Child([sys.executable, "-S", "-c", code], seconds=0.5 if "sleep" in code else 30)
    assert process.greeting == {"absent": why}
    process.close()


def test_absent_players_are_said_and_not_asked_again(tmp_path: Path):
    with Players({"jax": str(tmp_path / "no-python")}) as players:
        answer = players.ask("jax", 1, {"do": "drop"})
        assert answer == {"error": "absent: FileNotFoundError: No such file or directory"}
        assert players.absent == {"jax": "FileNotFoundError: No such file or directory"}
        assert players.names() == []


def test_a_player_that_dies_is_started_again_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho x >> "$0.starts"\necho \'{"ready": {}}\'\nread line\n')
    program.chmod(0o755)
    with Players({"torch": str(program)}) as players:
        errors = [players.ask("torch", 1, {"do": "drop"})["error"] for _ in range(5)]
    assert errors == ["the process ended with 0"] * 3 + ["the process died 3 times"] * 2
    assert Path(f"{program}.starts").read_text() == "x\n" * 3
