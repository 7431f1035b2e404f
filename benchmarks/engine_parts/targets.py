"""The specification's table of targets, judged by the rows of a run.

Each target is a dictionary: ``target`` and ``wanted`` in words, ``met`` (None: no row decides),
``figure`` in words, ``rows`` that decided, ``planned`` of them, ``misses`` (row, figure).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from engine_parts.plan import TABLE, VARIABLE
from engine_parts.problem import Case
from engine_parts.store import best_rival, case_of

Row = dict[str, Any]
Target = dict[str, Any]
NAMES = {
    "lstm": "LSTM",
    "gru_after": "GRU, reset after",
    "gru_before": "GRU, reset before",
    "rnn_tanh": "RNN",
}
# Shares of the multiply-add peak: D + H >= 256, and D = 1.
SHARES = {
    ("lstm", "forward"): (0.85, 0.72),
    ("gru_after", "forward"): (0.85, 0.72),
    ("rnn_tanh", "forward"): (0.75, 0.72),
    ("gru_before", "forward"): (0.75, 0.72),
    ("lstm", "training"): (0.85, 0.72),
    ("gru_after", "training"): (0.82, 0.72),
    ("rnn_tanh", "training"): (0.82, 0.72),
    ("gru_before", "training"): (0.72, 0.72),
}
PADDED_LIMIT, BATCH_LIMIT = 1.10, 2.0


def _target(
    words: str,
    wanted: str,
    figures: list[tuple[Case, float]],
    planned: Iterable[Case],
    good: Callable[[float], bool],
    say: Callable[[list[float]], str],
    high_is_bad: bool = False,
) -> Target:
    """Met when every figure is good; the misses stand in order, the worst first."""
    values = [value for _, value in figures]
    missed = [(case, value) for case, value in figures if not good(value)]
    misses = sorted(missed, key=lambda pair: pair[1], reverse=high_is_bad)
    return {
        "target": words,
        "wanted": wanted,
        "met": None if not values else not misses,
        "figure": say(values) if values else "no row measured",
        "rows": len(values),
        "planned": sum(1 for _ in planned),
        "misses": [[case.key, round(value, 3)] for case, value in misses],
    }


def _geometric(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _times(value: float) -> str:
    return f"{value:.2f}x"


def judge(rows: list[Row], planned: list[Case], memory: dict[str, Any] | None) -> list[Target]:
    """All targets.

    Args:
        rows: as :func:`engine_parts.store.row_of` makes them, with their peaks.
        planned: every row of the plan, measured or not; the first one's threads decide.
        memory: what ``benchmarks/memory.py`` measured, or None.
    """
    first = planned[0].threads
    rows = [row for row in rows if case_of(row) in set(planned)]
    mine = [row for row in rows if case_of(row).threads == first]
    wanted = [case for case in planned if case.threads == first]
    found = [
        *_shares(mine, wanted),
        *_faster(rows, planned),
        *_against_torch(mine, wanted),
        *_variable(mine, wanted),
        *_doubling(mine, wanted),
        *_single(mine, wanted),
        _bfloat16(mine, wanted),
    ]
    return [*found, *_memory(memory)]


def _plain(case: Case, mode: str) -> bool:
    return case.lengths == "dense" and case.dtype == "float32" and case.mode == mode


def _shares(rows: list[Row], planned: list[Case]) -> list[Target]:
    found = []
    for (cell, mode), shares in SHARES.items():
        for share, narrow in zip(shares, (False, True), strict=True):

            def counts(case: Case, cell: str = cell, mode: str = mode, one: bool = narrow) -> bool:
                wide = case.H >= 128 if one else case.D + case.H >= 256
                fits = case.cell == cell and (case.D == 1) == one and wide and case.B >= 32
                return fits and _plain(case, mode)

            figures = [
                (case_of(row), row["of_peak"])
                for row in rows
                if counts(case_of(row)) and row.get("of_peak")
            ]
            where = "D = 1, H >= 128" if narrow else "D > 1, D + H >= 256"
            found.append(
                _target(
                    f"{NAMES[cell]}, {mode}, B >= 32, {where}: part of the peak",
                    f"each at least {share:.0%}",
                    figures,
                    filter(counts, planned),
                    lambda value, share=share: value >= share,
                    lambda values: (
                        f"lowest {_percent(min(values))}, "
                        f"median {_percent(sorted(values)[len(values) // 2])}"
                    ),
                )
            )
    return found


def _faster(rows: list[Row], planned: list[Case]) -> list[Target]:
    groups: list[tuple[str, Callable[[Case], bool]]] = [
        ("the table's shapes", lambda case: case[1:5] in TABLE and case.lengths == "dense"),
        ("every row", lambda case: True),
    ]
    found = []
    for words, counts in groups:
        ratios = [
            (case_of(row), best[1])
            for row in rows
            if counts(case_of(row)) and (best := best_rival(row)) is not None
        ]
        found.append(
            _target(
                f"faster than the fastest rival: {words}",
                "each above 1x",
                ratios,
                filter(counts, planned),
                lambda value: value > 1,
                lambda values: (
                    f"{sum(value > 1 for value in values)} of {len(values)}, "
                    f"lowest {_times(min(values))}, geometric mean {_times(_geometric(values))}"
                ),
            )
        )
    return found


def _mean_target(
    words: str, least: float, figures: list[tuple[Case, float]], planned: Iterable[Case]
) -> Target:
    """Met when the geometric mean is at least ``least``; the rows below it are listed."""
    target = _target(
        words,
        f"geometric mean at least {least:g}x",
        figures,
        planned,
        lambda value: value >= least,
        lambda values: f"{_times(_geometric(values))}, lowest {_times(min(values))}",
    )
    if figures:
        target["met"] = _geometric([value for _, value in figures]) >= least
    return target


def _ratio(row: Row, rival: str) -> float:
    return row["rivals"][rival][0] / row["ours"][0]


def _against_torch(rows: list[Row], planned: list[Case]) -> list[Target]:
    found = []
    for words, sizes, least in (("H <= 128", range(129), 4.5), ("H = 256, 512", (256, 512), 2.5)):

        def counts(case: Case, sizes: Any = sizes) -> bool:
            cell = case.cell in ("gru_after", "rnn_tanh")
            return cell and case.B >= 32 and case.H in sizes and _plain(case, "training")

        figures = [
            (case_of(row), _ratio(row, "torch"))
            for row in rows
            if counts(case_of(row)) and "torch" in row["rivals"]
        ]
        title = f"GRU and RNN against torch, training, B >= 32, {words}"
        found.append(_mean_target(title, least, figures, filter(counts, planned)))
    return found


def _variable(rows: list[Row], planned: list[Case]) -> list[Target]:
    found = []
    for words, main in (("64 x 400 and 64 x 800", True), ("the grid", False)):

        def counts(case: Case, main: bool = main) -> bool:
            ragged = case.lengths == "packed" and case.mode == "training"
            here = (case[1:5] in VARIABLE) == main
            return ragged and here and case.dtype == "float32" and case.cell != "gru_before"

        figures = [
            (case_of(row), _ratio(row, "torch"))
            for row in rows
            if counts(case_of(row)) and "torch" in row["rivals"]
        ]
        found.append(
            _target(
                f"variable length against torch's PackedSequence, training, {words}",
                "each at least 10x",
                figures,
                filter(counts, planned),
                lambda value: value >= 10,
                lambda values: (
                    f"lowest {_times(min(values))}, geometric mean {_times(_geometric(values))}"
                ),
            )
        )
    return found


def _doubling(rows: list[Row], planned: list[Case]) -> list[Target]:
    found = []
    for words, lengths, limit in (
        ("the padded T doubled at the same lengths: time", "padded twice", PADDED_LIMIT),
        ("B doubled, each sequence twice: time", "batch twice", BATCH_LIMIT),
    ):
        pairs = [
            (case_of(row), row["ours"][0] / row["base"][0])
            for row in rows
            if case_of(row).lengths == lengths and row.get("base")
        ]
        found.append(
            _target(
                words,
                f"each at most {limit:g}x",
                pairs,
                [case for case in planned if case.lengths == lengths],
                lambda value, limit=limit: value <= limit,
                lambda values: f"highest {_times(max(values))}",
                high_is_bad=True,
            )
        )
    return found


def _single(rows: list[Row], planned: list[Case]) -> list[Target]:
    def counts(case: Case) -> bool:
        return case.B == 1 and _plain(case, "forward")

    steps = [
        (case_of(row), row["ours"][0] / row["rivals"]["onnxruntime"][0])
        for row in rows
        if counts(case_of(row)) and "onnxruntime" in row["rivals"]
    ]
    return [
        _target(
            "B = 1: time of a step beside ONNX Runtime's",
            "each at most 0.5x",
            steps,
            filter(counts, planned),
            lambda value: value <= 0.5,
            lambda values: (
                f"highest {_times(max(values))}, geometric mean {_times(_geometric(values))}"
            ),
            high_is_bad=True,
        ),
        _calls("step", "one call of a cell", rows, planned),
        _calls("stepper", "one call of layer.stepper", rows, planned),
    ]


def _calls(mode: str, words: str, rows: list[Row], planned: list[Case]) -> Target:
    return _target(
        f"{words} through Python, B = 1, D = 64, H = 128",
        "each under 10 us",
        [(case_of(row), row["ours"][0] * 1e3) for row in rows if case_of(row).mode == mode],
        [case for case in planned if case.mode == mode],
        lambda value: value < 10,
        lambda values: f"highest {max(values):.1f} us, lowest {min(values):.1f} us",
        high_is_bad=True,
    )


def _bfloat16(rows: list[Row], planned: list[Case]) -> Target:
    def counts(case: Case) -> bool:
        here = case.dtype == "bfloat16" and case.mode == "forward" and case.H >= 128
        return here and case.lengths == "dense"

    figures = [
        (case_of(row), row["base"][0] / row["ours"][0])
        for row in rows
        if counts(case_of(row)) and row.get("base")
    ]
    return _target(
        "bf16 forward beside float32, H >= 128",
        "each at least 1.8x",
        figures,
        filter(counts, planned),
        lambda value: value >= 1.8,
        lambda values: f"lowest {_times(min(values))}, geometric mean {_times(_geometric(values))}",
    )


def _memory(memory: dict[str, Any] | None) -> list[Target]:
    """What the memory benchmark measured: a training step beside torch's, and long streams."""
    layers = (memory or {}).get("layers", [])
    shares = {row["cell"]: round(row["sequela_kib"] / row["torch_kib"], 3) for row in layers}
    streams = (memory or {}).get("streams", [])
    rises = {row["way"]: (row["mib"], row["budget_mib"]) for row in streams if row["budget_mib"]}
    over = [[way, rise] for way, (rise, budget) in rises.items() if rise > budget]
    return [
        {
            "target": "memory for training",
            "wanted": "at most torch's",
            "met": all(share <= 1 for share in shares.values()) if shares else None,
            "figure": ", ".join(f"{cell} {_times(share)}" for cell, share in shares.items())
            or "not measured",
            "rows": len(shares),
            "planned": 3,
            "misses": [[cell, share] for cell, share in shares.items() if share > 1],
        },
        {
            "target": "memory of a stream of 100,000 steps",
            "wanted": ", ".join(f"{way} at most {most} MiB" for way, (_, most) in rises.items())
            or "a fixed budget",
            "met": not over if rises else None,
            "figure": ", ".join(f"{row['way']} {row['mib']:.1f} MiB" for row in streams)
            or "not measured",
            "rows": len(rises),
            "planned": 2,
            "misses": over,
        },
    ]
