"""Targets judged on made-up rows: each is met, missed and open where it should be."""

from __future__ import annotations

from typing import Any

import pytest
from engine_parts.plan import STEP, plan
from engine_parts.problem import Case
from engine_parts.store import row_of
from engine_parts.targets import judge

PLAN = plan([2, 1])


def made(
    cell: str,
    shape: tuple[int, int, int, int],
    ours: float = 1.0,
    of_peak: float | None = None,
    lengths: str = "dense",
    mode: str = "training",
    dtype: str = "float32",
    threads: int = 2,
    base: float | None = None,
    **rivals: float,
) -> dict[str, Any]:
    case = Case(cell, *shape, lengths, mode, dtype, threads)
    assert case in PLAN
    timed = {"ours": [ours] * 3 + [5]} | {name: [ms] * 3 + [5] for name, ms in rivals.items()}
    timed |= {"base": [base] * 3 + [5]} if base else {}
    return row_of(case, timed, {}) | {"of_peak": of_peak}


def target(words: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    found = [row for row in judge(rows, PLAN, None) if row["target"].startswith(words)]
    assert len(found) == 1, [row["target"] for row in found]
    return found[0]


def test_without_rows_every_target_is_open():
    found = judge([], PLAN, None)
    assert len(found) >= 25
    assert all(row["met"] is None and row["rows"] == 0 for row in found)
    assert all(row["planned"] > 0 for row in found)


@pytest.mark.parametrize(
    ("cell", "mode", "words", "least"),
    [
        ("lstm", "forward", "LSTM, forward", 0.85),
        ("gru_after", "training", "GRU, reset after, training", 0.82),
        ("gru_before", "forward", "GRU, reset before, forward", 0.75),
        ("gru_before", "training", "GRU, reset before, training", 0.72),
        ("rnn_tanh", "forward", "RNN, forward", 0.75),
        ("rnn_tanh", "training", "RNN, training", 0.82),
    ],
)
def test_parts_of_the_peak(cell: str, mode: str, words: str, least: float):
    wide = f"{words}, B >= 32, D > 1"
    enough = made(cell, (32, 100, 128, 128), of_peak=least, mode=mode)
    short = made(cell, (128, 50, 256, 256), of_peak=least - 0.01, mode=mode)
    assert target(wide, [enough])["met"] is True
    missed = target(wide, [enough, short])
    assert missed["met"] is False
    assert missed["rows"] == 2
    assert [name for name, _ in missed["misses"]] == [
        f"{cell} 128,50,256,256 dense {mode} float32 2"
    ]
    # Too few rows, too narrow, another number of threads: not part of the target.
    others = [
        made(cell, (8, 50, 64, 512), of_peak=0.1, mode=mode),
        made(cell, (32, 50, 64, 32), of_peak=0.1, mode=mode),
        made(cell, (32, 100, 128, 128), of_peak=0.1, mode=mode, threads=1),
    ]
    assert target(wide, others)["met"] is None
    narrow = f"{words}, B >= 32, D = 1"
    assert target(narrow, [made(cell, (64, 178, 1, 128), of_peak=0.72, mode=mode)])["met"] is True
    assert target(narrow, [made(cell, (64, 178, 1, 128), of_peak=0.71, mode=mode)])["met"] is False


def test_faster_than_the_fastest():
    won = made("lstm", (32, 100, 128, 128), torch=1.5, keras=1.2)
    lost = made("lstm", (64, 178, 1, 128), torch=3.0, jax=0.9)
    away = made("lstm", (32, 50, 64, 32), torch=0.5, threads=1)
    table = target("faster than the fastest rival: the table", [won, lost, away])
    assert table["met"] is False
    assert table["figure"].startswith("1 of 2, lowest 0.90x")
    assert table["misses"] == [["lstm 64,178,1,128 dense training float32 2", 0.9]]
    every = target("faster than the fastest rival: every", [won, lost, away])
    assert every["rows"] == 3
    assert [ratio for _, ratio in every["misses"]] == [0.5, 0.9]
    assert target("faster than the fastest rival: every", [won])["met"] is True


def test_geometric_means_against_torch():
    rows = [
        made("gru_after", (32, 100, 128, 128), torch=3.0),
        made("rnn_tanh", (32, 100, 128, 128), torch=12.0),
        made("lstm", (32, 100, 128, 128), torch=0.1),  # not part of this target
        made("gru_after", (8, 50, 64, 32), torch=0.1),
    ]
    words = "GRU and RNN against torch, training, B >= 32, H <= 128"
    found = target(words, rows)
    assert found["figure"].startswith("6.00x, lowest 3.00x")
    assert found["met"] is True
    assert found["misses"] == [["gru_after 32,100,128,128 dense training float32 2", 3.0]]
    assert target(words, rows[:1])["met"] is False
    wide = target(
        words.replace("H <= 128", "H = 256, 512"),
        [made("rnn_tanh", (128, 50, 256, 256), torch=2.4)],
    )
    assert wide["met"] is False


def test_variable_length():
    row = made("lstm", (64, 400, 64, 128), lengths="packed", torch=10.0)
    words = "variable length against torch's PackedSequence, training, 64 x 400"
    assert target(words, [row])["met"] is True
    slow = made("rnn_tanh", (64, 800, 64, 128), lengths="packed", torch=9.0)
    assert target(words, [row, slow])["met"] is False
    grid = made("lstm", (32, 50, 64, 32), lengths="packed", torch=4.0)
    assert target(words, [grid])["met"] is None
    assert target(words.replace("64 x 400", "the grid"), [grid])["met"] is False


def test_doubling():
    shape = (64, 400, 64, 128)
    # Measured at another time than what follows: it must not count.
    other = made("lstm", shape, ours=1.0, lengths="padded")
    longer = made("lstm", shape, ours=11.0, lengths="padded twice", base=10.0)
    wider = made("lstm", shape, ours=20.5, lengths="batch twice", base=10.0)
    assert target("the padded T doubled", [other, longer])["met"] is True
    assert target("the padded T doubled", [other])["met"] is None
    twice = target("B doubled", [other, wider])
    assert twice["met"] is False
    assert twice["figure"] == "highest 2.05x"


def test_single_rows_and_steps():
    half = made("lstm", (1, 100, 64, 128), mode="forward", onnxruntime=2.0)
    more = made("gru_after", (1, 100, 64, 128), mode="forward", onnxruntime=1.9)
    assert target("B = 1", [half])["met"] is True
    assert target("B = 1", [half, more])["misses"] == [
        ["gru_after 1,100,64,128 dense forward float32 2", 0.526]
    ]
    quick = made("lstm", STEP, ours=0.0099, mode="step", torch=0.02)
    slow = made("rnn_tanh", STEP, ours=0.0101, mode="step", torch=0.02)
    assert target("one call of a cell", [quick])["met"] is True
    assert target("one call of a cell", [quick, slow])["met"] is False
    late = made("gru_before", STEP, ours=0.012, mode="stepper")
    assert target("one call of layer.stepper", [quick, slow])["met"] is None
    assert target("one call of layer.stepper", [late])["figure"] == (
        "highest 12.0 us, lowest 12.0 us"
    )


def test_bfloat16_beside_float32():
    shape = (32, 100, 128, 128)
    plain = made("lstm", shape, ours=1.8, mode="forward")
    half = made("lstm", shape, ours=1.0, mode="forward", dtype="bfloat16", base=1.8)
    assert target("bf16", [plain, half])["met"] is True
    assert target("bf16", [plain])["met"] is None
    slower = made("lstm", shape, ours=1.01, mode="forward", dtype="bfloat16", base=1.8)
    assert target("bf16", [half, slower])["met"] is False


def test_memory():
    layers = [{"cell": "LSTM", "torch_kib": 200, "sequela_kib": 100}]
    streams = [
        {"way": "truncated", "mib": 8.0, "budget_mib": 8},
        {"way": "whole", "mib": 500.0, "budget_mib": None},
    ]

    def both(**found: Any) -> list[Any]:
        judged = judge([], PLAN, {"layers": layers, "streams": streams} | found)[-2:]
        assert [row["target"] for row in judged] == [
            "memory for training",
            "memory of a stream of 100,000 steps",
        ]
        return [(row["met"], row["misses"]) for row in judged]

    assert both() == [(True, []), (True, [])]
    more = [{"cell": "RNN", "torch_kib": 100, "sequela_kib": 101}]
    assert both(layers=more)[0] == (False, [["RNN", 1.01]])
    assert both(streams=[streams[0] | {"mib": 8.1}])[1] == (False, [["truncated", 8.1]])
    assert judge([], PLAN, {})[-1]["met"] is None
    assert judge([], PLAN, None)[-2]["met"] is None


def test_rows_that_are_not_planned_decide_nothing():
    stray = made("lstm", (32, 100, 128, 128), torch=0.5, threads=1)
    only = [case for case in PLAN if case.threads == 2]
    found = judge([stray], only, None)
    assert all(row["rows"] == 0 for row in found)
