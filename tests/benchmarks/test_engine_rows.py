"""Rows in order, measured in turns, stored, gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_parts import rows, store
from engine_parts.plan import GRID, SWEEP, TABLE, VARIABLE, plan, sweep
from engine_parts.problem import GATES, Case

CASE = Case("lstm", 32, 100, 128, 128, "dense", "forward", "float32", 2)


def test_the_plan_holds_the_grid_the_table_and_every_kind_once():
    cases = plan([2, 1])
    assert len(cases) == len(set(cases)) > 2000
    assert len(GRID) == 72
    for threads in (2, 1):
        for cell in GATES:
            for shape in [*TABLE, *GRID]:
                for mode in ("forward", "training"):
                    assert Case(cell, *shape, "dense", mode, "float32", threads) in cases
            for shape in GRID:
                for dtype in ("float32", "bfloat16"):
                    there = Case(cell, *shape, "packed", "training", dtype, threads) in cases
                    assert there == (shape[0] > 1)
                assert Case(cell, *shape, "dense", "forward", "bfloat16", threads) in cases


def test_important_rows_come_first():
    cases = plan([2, 1])
    place = {case: number for number, case in enumerate(cases)}
    assert all(case[1:5] in TABLE and case.threads == 2 for case in cases[: 8 * len(TABLE)])
    only_grid = [
        number
        for case, number in place.items()
        if case[1:5] in GRID and case[1:5] not in TABLE and case[1:5] not in sweep("B")
    ]
    wanted = [case for case in cases if case.threads == 2]
    targets = [place[case] for case in wanted if case[1:5] in VARIABLE or case.is_step]
    assert max(targets) < min(only_grid)
    # A grid that is cut short must hold sizes and lengths of every kind.
    firsts = [cases[number] for number in sorted(only_grid)[:160]]
    assert {case.lengths for case in firsts} == {"dense", "packed"}
    for letter in "BTDH":
        assert len({getattr(case, letter) for case in firsts}) >= 2
    assert SWEEP in sweep("H")
    assert plan([1])[0].threads == 1


def test_figures_are_median_and_percentiles():
    assert rows.figures([0.003, 0.001, 0.002]) == [2.0, 1.2, 2.8, 3]
    assert rows.figures([0.5]) == [500.0, 500.0, 500.0, 1]


class MadeUp:
    """Players whose runs take a fixed time; keeps what they were asked."""

    def __init__(self, seconds: dict[str, Any], answers: dict[str, dict] | None = None, case=CASE):
        self.seconds, self.answers, self.case = seconds, answers or {}, case
        self.asked: list[tuple[str, str]] = []
        self.runs = dict.fromkeys(seconds, 0)

    def names(self) -> list[str]:
        return [name for name in self.seconds if not name.endswith("base")]

    def ask(self, name: str, threads: int, request: dict[str, Any]) -> dict[str, Any]:
        assert threads == self.case.threads
        self.asked.append((request["do"], name))
        if request["do"] == "prepare":
            assert Case(*request["case"]) in (self.case, self.case.base)
            assert ("slot" in request) == (Case(*request["case"]) != self.case)
            return self.answers.get(name, {"checksum": [1.0, 0.0]})
        if request["do"] == "run":
            name += request.get("slot", "")
            if self.seconds[name] is None:
                return {"error": "the process ended with -9"}
            self.runs[name] += request["count"]
            return {"seconds": [self.seconds[name]] * request["count"]}
        return {}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "SETTLE_SECONDS", 0.0)


def test_players_take_turns_and_ours_comes_first():
    asked = MadeUp({"ours": 0.001, "torch": 0.002})
    timed, without = rows.measure(asked, CASE, rows.Effort(turn=0.01, row=0.0, least=3, most=5))
    assert without == {}
    assert list(timed) == ["ours", "torch"]
    assert timed["ours"][0] == 1.0
    assert timed["torch"][0] == 2.0
    turns = [name for do, name in asked.asked if do == "run"]
    assert turns == ["ours", "torch"] * 4  # the first one is not kept
    assert timed["ours"][3] == 30
    assert timed["torch"][3] == 15
    assert [name for do, name in asked.asked if do == "drop"] == ["ours", "torch"]


@pytest.mark.parametrize(
    ("changes", "base"),
    [
        ({"lengths": "padded twice"}, {"lengths": "padded"}),
        ({"lengths": "batch twice"}, {"lengths": "padded"}),
        ({"dtype": "bfloat16"}, {"dtype": "float32"}),
    ],
)
def test_what_a_row_is_compared_with_takes_turns_with_it(changes: dict, base: dict):
    case = CASE._replace(**changes)
    assert case.base == case._replace(**base)
    asked = MadeUp({"ours": 0.002, "oursbase": 0.003, "torch": 0.004}, case=case)
    timed, without = rows.measure(asked, case, rows.Effort(turn=0.01, row=0.0, least=3, most=5))
    assert without == {}
    assert {name: found[0] for name, found in timed.items()} == {
        "ours": 2.0,
        "base": 3.0,
        "torch": 4.0,
    }
    assert [name for do, name in asked.asked if do == "run"] == ["ours", "ours", "torch"] * 4
    made = store.row_of(case, timed, without)
    assert made["base"][0] == 3.0
    assert list(made["rivals"]) == ["torch"]


def test_a_base_that_cannot_is_left_out():
    case = CASE._replace(dtype="bfloat16")
    asked = MadeUp({"ours": 0.002, "oursbase": None}, case=case)
    timed, without = rows.measure(asked, case, rows.QUICK)
    assert (list(timed), without) == (["ours"], {})


def test_long_runs_are_few():
    asked = MadeUp({"ours": 1.0, "torch": 2.0, "keras": 9.0})
    timed, _ = rows.measure(asked, CASE, rows.Effort(turn=0.01, row=5.0, least=3, most=9))
    assert asked.runs == {"ours": 3, "torch": 3, "keras": 2}
    assert timed["keras"] == [9000.0, 9000.0, 9000.0, 2]


def test_who_cannot_differs_or_dies_is_said():
    answers = {
        "torch": {"unsupported": "torch has no such cell"},
        "jax": {"checksum": [1.1, 0.0]},
        "keras": {"error": "MemoryError"},
    }
    asked = MadeUp(dict.fromkeys(("ours", *answers), 0.001) | {"onnxruntime": None}, answers)
    timed, without = rows.measure(asked, CASE, rows.QUICK)
    assert list(timed) == ["ours"]
    assert without == {
        "torch": "torch has no such cell",
        "jax": "its results differ from ours",
        "keras": "MemoryError",
        "onnxruntime": "the process ended with -9",
    }


def test_without_ours_nothing_is_timed():
    asked = MadeUp({"ours": 0.1, "torch": 0.1}, {"ours": {"unsupported": "no bfloat16 kernels"}})
    assert rows.measure(asked, CASE, rows.QUICK) == ({}, {"ours": "no bfloat16 kernels"})
    assert asked.asked == [("prepare", "ours")]


def row(ours: float = 1.0, **rivals: float) -> dict[str, Any]:
    timed = {"ours": [ours, ours, ours, 5]}
    timed |= {name: [value, value, value, 5] for name, value in rivals.items()}
    return store.row_of(CASE, timed, {})


def test_the_best_rival_and_the_part_of_the_peak():
    assert store.best_rival(row()) is None
    assert store.best_rival(row(2.0, torch=5.0, jax=3.0)) == ("jax", 1.5)
    found = row(10.0)
    rate = 2 * 3200 * 4 * 128 * 256 / 10e-3 * 1e-9
    assert store.gflops(found) == pytest.approx(rate)
    store.with_peak([found], 2, 200.0)
    store.with_peak([found], 2, 100.0)  # a lower one afterwards flatters nobody
    store.with_peak([found], 1, 900.0)
    store.with_peak([found], 2, None)
    assert found["peak"] == 200.0
    assert found["of_peak"] == pytest.approx(rate / 200, abs=1e-4)


STAMP = {"commit": "abc", "machine": {"cores": 2}, "library": "123"}


def content(**changed: Any) -> dict[str, Any]:
    found = {**STAMP, "sessions": [{"minutes": 1.0}], "targets": [], "rows": [row(), row(2.0)]}
    found["memory"] = {"layers": []}
    return found | {"not_measured": {"cut": ["a", "b"]}} | changed


def test_a_part_is_gone_on_with_only_on_the_same_ground(tmp_path: Path):
    place = tmp_path / "engine.json"
    assert store.resumed(place, STAMP) == ([], [], None, None)
    place.write_text(store.text(content()))
    kept, sessions, memory, why = store.resumed(place, STAMP)
    assert (len(kept), len(sessions), memory, why) == (2, 1, {"layers": []}, None)
    assert store.case_of(kept[0]) == CASE
    for name in store.IDENTITY:
        nothing, _, _, why = store.resumed(place, STAMP | {name: "another"})
        assert nothing == []
        assert why == f"another {name}"
    place.write_text('{"rows": [')
    assert store.resumed(place, STAMP)[3] == "it is not a result of this program"


def test_the_text_is_json_with_a_short_line_for_each_row(tmp_path: Path):
    place = tmp_path / "engine.json"
    without = row(5.0, torch=6.0) | {"without": {"jax": "it died", "keras": "no such cell"}}
    for made in (content(), content(rows=[], not_measured={}), content(rows=[row(), without])):
        place.write_text(store.text(made))
        got = store.load(place)
        assert [(r["case"], r["ours"], r["rivals"], r["without"]) for r in got.pop("rows")] == [
            (r["case"], r["ours"], r["rivals"], r["without"]) for r in made["rows"]
        ]
        assert got == {key: value for key, value in made.items() if key != "rows"}
    plain = json.loads(place.read_text())
    assert plain["reasons"] == ["it died", "no such cell"]
    assert dict(zip(plain["columns"], plain["rows"][1], strict=True))["keras"] == 1
    lines = place.read_text().splitlines()
    assert sum('["lstm",32,100,128,128,' in line for line in lines) == 2


def test_the_part_of_the_peak_is_computed_anew(tmp_path: Path):
    found = row(10.0)
    store.with_peak([found], 2, 200.0)
    place = tmp_path / "engine.json"
    place.write_text(store.text(content(rows=[found])))
    assert store.load(place)["rows"][0]["of_peak"] == found["of_peak"] > 0
