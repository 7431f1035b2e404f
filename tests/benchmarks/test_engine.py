"""The program: rows until the time is used up, everything else said, and going on with a part."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import engine
import pytest
from engine_parts import rows, store
from engine_parts.plan import plan


class MadeUpPlayers:
    """Ours and torch; ours has no bfloat16."""

    def __init__(self) -> None:
        self.prepared = 0
        self.versions = {"made_up": "1"}
        self.absent = {"jax": "ModuleNotFoundError: No module named 'jax'"}

    def names(self) -> list[str]:
        return ["ours", "torch"]

    def processes(self) -> list[int]:
        return []

    def ask(self, name: str, threads: int, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "prepare":
            self.prepared += 1
            if "bfloat16" in request["case"]:
                return {"unsupported": "it has no bfloat16 kernels"}
            return {"checksum": [1.0, 0.0]}
        return {"seconds": [0.001] * request["count"]} if request["do"] == "run" else {}


class MadeUpLimits:
    def peak(self, threads: int, kind: str = "float32") -> float | None:
        return 100.0 * threads if kind == "float32" else None

    def barrier(self) -> float | None:
        return 70.0


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(engine, "QUICK", rows.Effort(turn=0.001, row=0.0, least=1, most=1))
    monkeypatch.setattr(engine, "large_product", lambda threads: 90.0)
    monkeypatch.setattr(engine.Others, "share", lambda self: 0.0)


def words(**changed: Any) -> argparse.Namespace:
    plain = {"only": "lstm", "shapes": "32x100x128x128", "quick": True, "minutes": 60.0}
    return argparse.Namespace(**(plain | {"fresh": False, "note": None} | changed))


def measured(place: Path, players: MadeUpPlayers, **changed: Any) -> dict[str, Any]:
    run = engine.Run(words(**changed), [2, 1], place)
    limits: Any = MadeUpLimits()
    run.circumstances(limits, "before")
    run.all(players, limits)
    run.circumstances(limits, "after")
    run.save(players)
    return store.load(place)


def test_rows_are_measured_stored_and_gone_on_with(tmp_path: Path):
    place, players = tmp_path / "engine.json", MadeUpPlayers()
    found = measured(place, players)
    keys = [engine.case_of(row).key for row in found["rows"]]
    # Its places in the plan: the table for each number of threads; the sweeps meet it there.
    assert keys == [
        f"lstm 32,100,128,128 dense {mode} float32 {threads}"
        for threads in (2, 1)
        for mode in ("forward", "training")
    ]
    assert found["rows"][0]["rivals"]["torch"][0] == 1.0
    assert found["rows"][0]["peak"] == 200.0
    assert found["rows"][2]["peak"] == 100.0
    assert found["rows"][0]["barrier_ns"] == 70.0
    assert found["rows"][2]["barrier_ns"] is None
    assert found["rivals_absent"] == players.absent
    assert found["versions"]["made_up"] == "1"
    assert found["not_measured"] == {
        "ours: it has no bfloat16 kernels": [
            f"lstm 32,100,128,128 dense {mode} bfloat16 2" for mode in ("forward", "training")
        ]
    }
    assert {"commit", "machine", "flags", "library", "instruction_set"} <= found.keys()
    assert found["sessions"][0]["peaks"]["1"] == [100.0, 100.0, 100.0, 4]
    assert found["sessions"][0]["after"]["product_gflops"] == {"2": 90.0, "1": 90.0}
    again = MadeUpPlayers()
    later = measured(place, again)
    assert again.prepared == 2  # those without kernels are asked again, nothing else
    assert later["rows"] == found["rows"]
    assert len(later["sessions"]) == 2
    anew = MadeUpPlayers()
    assert len(measured(place, anew, fresh=True)["sessions"]) == 1
    assert anew.prepared > again.prepared


def test_a_disturbed_row_is_measured_again_and_the_least_disturbed_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    no_kernels = [0.0, 0.0]
    shares = iter([0.02, 0.9, 0.5, 0.7, *no_kernels, 0.3, 0.1, 0.0])
    monkeypatch.setattr(engine.Others, "share", lambda self: next(shares))
    monkeypatch.setattr(engine, "GUESSED_SECONDS", 0.0)
    players = MadeUpPlayers()
    found = measured(tmp_path / "engine.json", players)
    assert [row["others"] for row in found["rows"]] == [0.02, 0.5, 0.1, 0.0]
    rows_of_ours = 1 + 3 + 2 + 1
    assert players.prepared == 2 * rows_of_ours + len(no_kernels)


def test_what_the_time_does_not_allow_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(engine, "QUICK_MINUTES", 0.0)
    players = MadeUpPlayers()
    found = measured(tmp_path / "engine.json", players, only=None, shapes=None)
    assert players.prepared == 0
    assert found["rows"] == []
    assert found["not_measured"] == {engine.BUDGET: [case.key for case in plan([2, 1])]}
    assert all(target["met"] is None for target in found["targets"])


def test_an_interrupted_run_lists_what_it_did_not_reach(tmp_path: Path):
    run = engine.Run(words(), [2], tmp_path / "engine.json")
    players: Any = MadeUpPlayers()
    assert len(run.content(players)["not_measured"][engine.BUDGET]) == len(run.cases) == 4


def test_an_unknown_cell_or_shape_is_refused():
    with pytest.raises(SystemExit, match="no row of the plan"):
        engine.chosen(words(shapes="3x3x3x3"), [2])


@pytest.mark.parametrize(("changes", "wanted"), [("", "abc"), (" M src/a.py\n", "abc+")])
def test_results_and_pages_do_not_change_the_commit(
    monkeypatch: pytest.MonkeyPatch, changes: str, wanted: str
):
    asked = []

    def status(command: list[str], **_: Any) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(stdout=changes)

    monkeypatch.setattr(engine, "commit", lambda: "abc+")
    monkeypatch.setattr(subprocess, "run", status)
    assert engine.source_commit() == wanted
    assert {":!benchmarks/results", ":!docs"} <= set(asked[0])
    monkeypatch.setattr(engine, "commit", lambda: "abc")
    assert engine.source_commit() == "abc"


def test_a_missing_compiler_leaves_the_limits_open(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with engine.Limits() as limits:
        assert limits.peak(1) is None
        assert limits.barrier() is None


def test_stored_rows_are_judged_again(tmp_path: Path):
    place = tmp_path / "engine.json"
    found = measured(place, MadeUpPlayers())
    place.write_text(store.text(found | {"targets": []}))
    engine.judge_again(place)
    judged = store.load(place)
    assert judged["rows"] == found["rows"]
    assert [row["figure"] for row in judged["targets"] if "every row" in row["target"]] == [
        "0 of 4, lowest 1.00x, geometric mean 1.00x"
    ]
