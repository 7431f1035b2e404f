"""The recurrent engine against its rivals: forward and training, dense and of variable length.

    python benchmarks/engine.py [--minutes 60] [--quick] [--threads 2,1] [--only lstm]
        [--shapes 32x100x128x128] [--jax-python PATH] [--keras-python PATH] [--note TEXT]

Every player (ours, torch, ONNX Runtime, JAX `lax.scan`, Keras on TensorFlow) has a process of its
own, on as many processors as it has threads; they take turns within one run, on the same weights
and data, and must agree in their results. A figure is the median of a player's runs, beside the
tenth and ninetieth percentile. Training is forward plus backward of the output's sum with gradients
for weights and input. Inputs are batch-first; outputs lie as each player makes them (time-first but
for Keras), so that nobody pays for turning them. The multiply-add peak, a large matrix product and
the barrier between two processors are measured in between. Rows of twice the padding, twice the
batch or bfloat16 have ours on what they are compared with ("base") among the players. What other
processes took of the processors stands beside each row ("others", in processors); where it was more
than a tenth the row is measured again, up to three times, and the least disturbed counts. Memory is
measured first, by `benchmarks/memory.py`.

A rival that another environment holds is given by its Python, as an option or in
SEQUELA_BENCH_JAX, SEQUELA_BENCH_KERAS, SEQUELA_BENCH_ONNXRUNTIME; one that is absent is said.

Rows come in order of importance until the time is used up; the others are listed as not measured.
Writes benchmarks/results/engine.json, and goes on with it when commit, machine and library are
the same. With `--quick` (under a minute), `--only` or `--shapes` nothing is written unless
`--output` says where. `make docs` makes docs/benchmarks.md of the result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import memory
import torch
from engine_parts.limits import FLAGS, Limits, large_product
from engine_parts.others import DISTURBED, Others
from engine_parts.pipes import PLAYERS, Players
from engine_parts.plan import GRID, plan
from engine_parts.problem import Case
from engine_parts.rows import GRID_EFFORT, QUICK, Effort, measure
from engine_parts.store import best_rival, case_of, load, resumed, row_of, text, with_peak
from engine_parts.targets import judge

from sequela.files import atomic_write, sha256
from sequela.ops import native, native_call
from sequela.train.provenance import commit, machine, versions

RESULTS = Path(__file__).parent / "results"
OUTSIDE = ("onnxruntime", "jax", "keras")
BUDGET = "cut by the time budget"
QUICK_MINUTES = 0.55
# What rivals reach of the peak, roughly, for guessing whether a row fits into the rest of the time.
GUESSED_GFLOPS, GUESSED_RUNS, GUESSED_SECONDS = 40.0, 18, 3.0
# A peak is measured before and after each row, unless one was this many seconds ago.
PEAK_FRESH, SAVE_EVERY = 3.0, 20.0
ATTEMPTS = 3


def options() -> argparse.Namespace:
    """The words of the command."""
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--minutes", type=float, default=60.0, help="the time budget")
    parser.add_argument("--quick", action="store_true", help="under a minute, for a first look")
    parser.add_argument("--threads", default=None, help="as 2,1; the first decides the targets")
    parser.add_argument("--only", help="one cell")
    parser.add_argument("--shapes", help="only these, as 32x100x128x128,1x100x64x128 (B, T, D, H)")
    for name in OUTSIDE:
        variable = f"SEQUELA_BENCH_{name.upper()}"
        default = os.environ.get(variable, sys.executable)
        parser.add_argument(f"--{name}-python", default=default, help=f"its Python, or {variable}")
    parser.add_argument("--output", type=Path, help="where the JSON goes")
    parser.add_argument("--fresh", action="store_true", help="do not go on with an earlier part")
    parser.add_argument("--judge", action="store_true", help="only compute the targets anew")
    parser.add_argument("--note", help="what else the machine was doing, for the JSON")
    return parser.parse_args()


def chosen(arguments: argparse.Namespace, threads: list[int]) -> list[Case]:
    """The rows that the words ask for."""
    cases = plan(threads)
    if arguments.only:
        cases = [case for case in cases if case.cell == arguments.only]
    if arguments.shapes:
        shapes = [tuple(map(int, shape.split("x"))) for shape in arguments.shapes.split(",")]
        cases = [case for case in cases if case[1:5] in shapes]
    if not cases:
        raise SystemExit("no row of the plan is asked for: see plan.py for cells and shapes")
    return cases


def source_commit() -> str | None:
    """The commit, with '+' when the code has changes; results and pages do not count."""
    found = commit()
    if found is None or not found.endswith("+"):
        return found
    words = ["git", "status", "--porcelain", "--", ".", ":!benchmarks/results", ":!docs"]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    return found if done.stdout.strip() else found.removesuffix("+")


def stamp() -> dict[str, Any]:
    """What was measured, and on what."""
    loaded = native.library()
    return {
        "commit": source_commit(),
        "machine": {key: value for key, value in machine().items() if key != "threads"},
        "library": None if loaded is None else sha256(Path(loaded._name))[:12],
        "instruction_set": native_call.instruction_set(),
        "flags": {"peak": " ".join(FLAGS), "isa": os.environ.get("SEQUELA_ISA")},
        "versions": versions(),
    }


def judge_again(place: Path) -> None:
    """Computes the targets of a stored result anew, as after a change of what they say."""
    found = load(place)
    found["targets"] = judge(found["rows"], plan(found["threads"]), found.get("memory"))
    atomic_write(place, text(found))


class Run:
    """One session: measures cases until the time is used up, and stores them."""

    def __init__(self, arguments: argparse.Namespace, threads: list[int], place: Path | None):
        self.stamp, self.place, self.threads = stamp(), place, threads
        self.cases = chosen(arguments, threads)
        self.effort = QUICK if arguments.quick else Effort()
        minutes = QUICK_MINUTES if arguments.quick else arguments.minutes
        self.begin = time.monotonic()
        self.deadline = self.begin + 60 * minutes
        self.rows: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        self.memory: dict[str, Any] | None = None
        if place and not arguments.fresh:
            self.rows, self.sessions, self.memory, why = resumed(place, self.stamp)
            if why:
                print(f"the earlier result is replaced: {why}")
            elif self.rows:
                print(f"going on with {len(self.rows)} rows of an earlier part")
        self.session: dict[str, Any] = {"minutes": minutes, "note": arguments.note, "peaks": {}}
        self.sessions.append(self.session)
        self.unmeasured: defaultdict[str, list[str]] = defaultdict(list)
        self.saved = time.monotonic()
        self.peaks: defaultdict[int, list[float]] = defaultdict(list)
        self.peaked: dict[int, float] = {}

    def circumstances(self, limits: Limits, when: str) -> None:
        """Peaks, large products and the load, before or after."""
        self.session[when] = {
            "load": round(os.getloadavg()[0], 2),
            "barrier_ns": limits.barrier(),
            "product_gflops": {str(n): large_product(n) for n in self.threads},
            "bfloat16_peak_gflops": {str(n): limits.peak(n, "bfloat16") for n in self.threads},
        }
        for count in self.threads:
            self.peak(limits, count)
        print(f"{when}: {json.dumps(self.session[when])}")

    def peak(self, limits: Limits, threads: int) -> float | None:
        """The multiply-add peak now; lowest, median, highest and number go into the session."""
        found = limits.peak(threads)
        if found is None:
            return None
        self.peaked[threads] = time.monotonic()
        self.peaks[threads].append(found)
        ordered = sorted(self.peaks[threads])
        three = ordered[0], ordered[len(ordered) // 2], ordered[-1]
        self.session["peaks"][str(threads)] = [*three, len(ordered)]
        return found

    def peak_before(self, limits: Limits, threads: int) -> float | None:
        """The peak measured last, if that was just now, or one measured now."""
        if time.monotonic() - self.peaked.get(threads, float("-inf")) < PEAK_FRESH:
            return self.peaks[threads][-1]
        return self.peak(limits, threads)

    def measure_memory(self) -> None:
        """Once for a file, of the native library; nothing else runs meanwhile."""
        if self.memory is not None or native.library() is None:
            return
        try:
            self.memory = memory.measure()
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            print(f"memory: not measured, {type(error).__name__}")

    def effort_for(self, case: Case) -> Effort:
        """How long a row is measured: the grid's are many."""
        return min(self.effort, GRID_EFFORT) if case[1:5] in GRID else self.effort

    def fits(self, case: Case, names: list[str]) -> bool:
        """Whether the row can be expected to end before the deadline."""
        seconds = 2 * case.multiply_adds / (GUESSED_GFLOPS * 1e9) * GUESSED_RUNS
        wanted = self.effort_for(case).row + seconds + (GUESSED_SECONDS if len(names) > 3 else 0.5)
        return time.monotonic() + wanted < self.deadline

    def undisturbed(
        self, players: Players, case: Case
    ) -> tuple[dict[str, list], dict[str, str], float | None]:
        """One row, and what others took meanwhile; again when that was much, the least counts."""
        found = []
        for _ in range(ATTEMPTS):
            others = Others(players.processes())
            timed, without = measure(players, case, self.effort_for(case))
            share = others.share()
            found.append((timed, without, share))
            if share is None or share <= DISTURBED or not self.fits(case, players.names()):
                break
        return min(found, key=lambda attempt: attempt[2] or 0.0)

    def all(self, players: Players, limits: Limits) -> None:
        """Every case that is not there yet."""
        present = {case_of(row) for row in self.rows}
        for case in self.cases:
            if case in present:
                continue
            if not self.fits(case, players.names()):
                self.unmeasured[BUDGET].append(case.key)
                continue
            barrier = limits.barrier() if case.threads > 1 else None
            before = self.peak_before(limits, case.threads)
            timed, without, others = self.undisturbed(players, case)
            if "ours" not in timed:
                self.unmeasured[f"ours: {without['ours']}"].append(case.key)
                continue
            row = row_of(case, timed, without)
            row |= {"barrier_ns": barrier, "session": len(self.sessions) - 1, "others": others}
            with_peak([row], case.threads, before)
            with_peak([row], case.threads, self.peak(limits, case.threads))
            self.rows.append(row)
            print(line(row), flush=True)
            if time.monotonic() - self.saved > SAVE_EVERY:
                self.save(players)

    def content(self, players: Players) -> dict[str, Any]:
        """The whole JSON."""
        present = {case_of(row) for row in self.rows}
        listed = {key for keys in self.unmeasured.values() for key in keys}
        rest = [case.key for case in self.cases if case not in present and case.key not in listed]
        unmeasured = dict(self.unmeasured)
        if rest:
            unmeasured[BUDGET] = unmeasured.get(BUDGET, []) + rest
        there = {name: players.absent.get(name) for name in PLAYERS if name != "ours"}
        self.session["seconds"] = round(time.monotonic() - self.begin)
        return {
            **self.stamp,
            "versions": self.stamp["versions"] | players.versions,
            "rivals_absent": {name: why for name, why in there.items() if why},
            "threads": self.threads,
            "sessions": self.sessions,
            "memory": self.memory,
            "targets": judge(self.rows, self.cases, self.memory),
            "not_measured": unmeasured,
            "rows": self.rows,
        }

    def save(self, players: Players) -> None:
        """Writes the file, when there is one to write."""
        if self.place:
            atomic_write(self.place, text(self.content(players)))
        self.saved = time.monotonic()


def line(row: dict[str, Any]) -> str:
    """A row for the eye."""
    best = best_rival(row)
    against = f"{best[1]:7.2f} x {best[0]}" if best else "no rival"
    share = f"{row['of_peak']:6.1%}" if row.get("of_peak") else "     -"
    return f"{case_of(row).key:62} {row['ours'][0]:10.3f} ms {share} of the peak {against}"


def main() -> None:
    """Measures what is asked for, says it and stores it."""
    arguments = options()
    if arguments.judge:
        judge_again(arguments.output or RESULTS / "engine.json")
        return
    cores = (
        torch.get_num_threads()
        if not hasattr(os, "sched_getaffinity")
        else len(os.sched_getaffinity(0))
    )
    threads = [cores, 1] if arguments.threads is None else [*map(int, arguments.threads.split(","))]
    threads = list(dict.fromkeys(threads))[: 1 if arguments.quick else None]
    partial = arguments.quick or arguments.only or arguments.shapes
    place = arguments.output or (None if partial else RESULTS / "engine.json")
    run = Run(arguments, threads, place)
    pythons = dict.fromkeys(PLAYERS, sys.executable)
    pythons |= {name: getattr(arguments, f"{name}_python") for name in OUTSIDE}
    with Players(pythons) as players, Limits() as limits:
        for name in PLAYERS:
            answer = players.ask(name, threads[0], {"do": "drop"})
            print(f"{name}: {answer['error'] if answer.get('error') else 'present'}")
        if not partial:
            run.measure_memory()
        run.circumstances(limits, "before")
        try:
            run.all(players, limits)
        except KeyboardInterrupt:
            print("interrupted: what was measured is kept")
        run.circumstances(limits, "after")
        run.save(players)
        content = run.content(players)
    for target in content["targets"]:
        met = {True: "met", False: "MISSED", None: "open"}[target["met"]]
        print(f"{met:7} {target['target']}: {target['figure']} (wanted {target['wanted']})")
    for reason, keys in content["not_measured"].items():
        print(f"not measured, {reason}: {len(keys)} rows")
    print(f"{len(run.rows)} rows" + (f" in {place}" if place else ""))


if __name__ == "__main__":
    main()
