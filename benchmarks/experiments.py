"""The built-in experiments, run from raw data to figures, and what they reached.

    python benchmarks/experiments.py [NAME ...] [--minutes M] [--seeds K] [--keep FOLDER]

A plan, benchmarks/plans/NAME.yaml, says which experiment is run on which data; its result goes to
benchmarks/results/NAME.json in the shape of benchmarks/stored.py, and `make results` makes the page
from all of them. Without a name all plans are run. Each seed splits and trains anew, in a process
of its own, with one thread. With --minutes a plan begins no further seed when the time is spent;
the first always runs. --keep leaves the models in FOLDER/NAME-CASE-SEED. Real data must lie under
SEQUELA_DATA (see `sequela fetch`).

A plan::

    experiment: mortality            # a built-in experiment
    title: In-hospital mortality     # its own title by default
    seeds: 5                         # runs of each case; 1 by default
    measures: [auroc, auprc]         # what the page shows; those of the kind by default
    published: ["..."]               # figures of others
    notes: ["..."]
    cases:
      - data: PhysioNet 2012, 4,000 stays    # words for the page
        path: physionet2012                  # below SEQUELA_DATA
        words: [split.source=assign]         # as `sequela train` takes them
      - data: simulated, 20,000 patients
        simulated: {subjects: 20000, seed: 0}  # sequela.simulate.cohort in place of a path, or
                                               # another `function`; words name it {records}
      - data: 1,797 digits
        fetched: digits                  # in place of a path, what `sequela fetch` brings
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import stored
import yaml
from pipeline_parts.measure import measure

from sequela import experiments as built_in

PLANS = Path(__file__).parent / "plans"


def _data(path: str) -> Path:
    root = os.environ.get("SEQUELA_DATA")
    if not root:
        raise SystemExit("SEQUELA_DATA is not set: to the folder of data sets (`sequela fetch`).")
    return Path(root) / path


def _words(case: dict[str, Any], seed: int) -> list[str]:
    given = [f"data={_data(case['path'])}"] if "path" in case else []
    return [*given, *case.get("words", []), f"seed={seed}", "training.progress=false"]


def one(
    experiment: str, case: dict[str, Any], seed: int, keep: Path | None = None
) -> dict[str, Any]:
    """One run of a case in a process of its own, ready for ``stored.case_of``."""
    words, simulated = _words(case, seed), case.get("simulated")
    told = {"name": experiment, "words": words, "simulated": simulated}
    told["fetched"] = case.get("fetched")
    told["keep"] = None if keep is None else str(keep)
    found = measure(None, "one_run", "experiment", **told)
    seconds = {"whole": found.pop("seconds"), "processor": found.pop("processor_seconds")}
    seconds = {part: round(spent, 1) for part, spent in seconds.items()}
    return {**found, "seconds": {**seconds, **found.pop("parts")}}


def run(
    name: str,
    minutes: float = float("inf"),
    seeds: int | None = None,
    keep: Path | None = None,
) -> Path:
    """Runs a plan and stores its result.

    Args:
        name: of the plan.
        minutes: after which no further seed is begun.
        seeds: how many, in place of the plan's number.
        keep: where the models are left; nowhere by default.
    """
    plan = yaml.safe_load((PLANS / f"{name}.yaml").read_text())
    experiment, cases = plan["experiment"], plan["cases"]
    runs: list[list[dict[str, Any]]] = [[] for _ in cases]
    begun = time.monotonic()
    # Seed by seed, so that all cases have as many when the time is spent.
    for seed in range(seeds or plan.get("seeds", 1)):
        if seed and time.monotonic() - begun > 60 * minutes:
            break
        for place, (found, case) in enumerate(zip(runs, cases, strict=True)):
            model = None if keep is None else keep / f"{name}-{place}-{seed}"
            found.append(one(case.get("experiment", experiment), case, seed, model))
            print(f"{name}, {case['data']}, seed {seed}: {_said(found[-1])}", flush=True)
    return stored.write(
        name,
        experiment=experiment,
        title=plan.get("title") or built_in.load(experiment).title,
        command=_command(name, len(runs[0]), plan.get("seeds", 1)),
        cases=[
            stored.case_of(case["data"], found, case.get("measures", plan.get("measures", ())))
            for case, found in zip(cases, runs, strict=True)
        ],
        published=plan.get("published", ()),
        notes=plan.get("notes", ()),
    )


def _command(name: str, ran: int, planned: int) -> str:
    """What repeats a run, of fewer seeds than planned too."""
    command = f"python benchmarks/experiments.py {name}"
    return command if ran == planned else f"{command} --seeds {ran}"


def _said(found: dict[str, Any]) -> str:
    leading = stored.LEADING[found["kind"]][0]
    known = [row for row in found["table"] if row.get(leading, {}).get("value") is not None]
    figures = (f"{row['name']} {row[leading]['value']:.3f}" for row in known)
    size = f"{found['seconds']['whole']:.0f} s, {found['peak_megabytes']} MB"
    return f"{leading}: {', '.join(figures)}; {size}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Runs plans and stores their results.")
    known = sorted(path.stem for path in PLANS.glob("*.yaml"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"no plan {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for name in arguments.names or known:
        run(name, arguments.minutes, arguments.seeds, arguments.keep)


if __name__ == "__main__":
    main()
