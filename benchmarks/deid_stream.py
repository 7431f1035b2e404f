"""De-identification from files to files: tokens per second, and memory by the number of notes.

    python benchmarks/deid_stream.py [--only "model, whole notes"] [--scale 1.0]

Each row is one call of ``sequela deid`` on a folder of text files, imports and start of processes
included. The notes are simulated; 2,000 different ones stand again and again, each time
with another number in their last line. Tokens are those of ``sequela.notes.tokenised``. The peak is
the largest sum of resident memory over the command and its processes, sampled from /proc: pages
that they share count for each; beside it the largest sum in which such a page counts once (looked
at less often: an estimate from below). Processor seconds are those of all of them; on a machine
with other work they say more than the seconds. Writes benchmarks/results/deid_stream.json after
each row.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "pipeline_parts"))

from measure import Peak, family, resident  # noqa: E402

from sequela.files import atomic_write  # noqa: E402
from sequela.notes import tokenised  # noqa: E402
from sequela.simulate.notes import notes  # noqa: E402
from sequela.train.provenance import commit, machine, versions  # noqa: E402

OUT = HERE / "results" / "deid_stream.json"
DIFFERENT = 2000
#: Characters of a short note: a hundred thousand of them are read by the model in minutes.
SHORT = 250
COMMAND = "from sequela.cli.main import main; main()"

# Name: model, processes, notes, characters of each at most.
ROWS: dict[str, tuple[str, int, int, int | None]] = {
    "model, 2,500 whole notes": ("builtin", 2, 2_500, None),
    "model, 5,000 whole notes": ("builtin", 2, 5_000, None),
    "model, whole notes": ("builtin", 2, 10_000, None),
    "model, 20,000 whole notes": ("builtin", 2, 20_000, None),
    "model, whole notes, one process": ("builtin", 1, 5_000, None),
    "model, 12,500 short notes": ("builtin", 2, 12_500, SHORT),
    "model, 25,000 short notes": ("builtin", 2, 25_000, SHORT),
    "model, 50,000 short notes": ("builtin", 2, 50_000, SHORT),
    "model, 100,000 short notes": ("builtin", 2, 100_000, SHORT),
    "rules, whole notes": ("none", 2, 10_000, None),
    "rules, 12,500 short notes": ("none", 2, 12_500, SHORT),
    "rules, 25,000 short notes": ("none", 2, 25_000, SHORT),
    "rules, 50,000 short notes": ("none", 2, 50_000, SHORT),
    "rules, 100,000 short notes": ("none", 2, 100_000, SHORT),
}


class Both(Peak):
    """The largest memory, and the largest with pages that are shared counted once."""

    def __init__(self, process: int):
        super().__init__(process)
        self.once = 0

    def run(self) -> None:
        """Looks until it is told to stop; the second is dear, and looked at every half second."""
        look = 0
        while self.on:
            processes = family(self.process)
            self.bytes = max(self.bytes, sum(map(resident, processes)))
            if look % 25 == 0:
                self.once = max(self.once, sum(map(_proportional, processes)))
            look += 1
            time.sleep(0.02)


def _proportional(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    except (OSError, ValueError, StopIteration):
        return 0


def written(folder: Path, count: int, longest: int | None) -> Iterator[tuple[int, int]]:
    """Writes notes; characters and tokens of each."""
    texts = [one.text[:longest] for one in notes(min(count, DIFFERENT), 7, "test")]
    tokens = [len(tokenised(text)) for text in texts]
    for number in range(count):
        text = f"{texts[number % len(texts)]}\nNote {number}"
        place = folder / f"{number // 1000:03d}" / f"{number:06d}.txt"
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
        yield len(text), tokens[number % len(texts)] + 2


def row(model: str, processes: int, count: int, longest: int | None) -> dict[str, Any]:
    """One call of the command."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw")
        raw.mkdir()
        sizes = list(written(raw, count, longest))
        words = [str(raw), "--out", str(Path(folder, "out")), "--model", model]
        words += ["--processes", str(processes), "--json"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-c", COMMAND, "deid", *words],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as child:
            peak = Both(child.pid)
            peak.start()
            said, _ = child.communicate()
            peak.on = False
            peak.join()
        seconds = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if child.returncode:
            raise SystemExit(f"sequela deid ended with status {child.returncode}")
    characters, tokens = map(sum, zip(*sizes, strict=True))
    found = json.loads(said)
    return {
        "model": model,
        "processes": processes,
        "notes": found["documents"],
        "characters": characters,
        "tokens": tokens,
        "found": sum(found["found"].values()),
        "withheld": found["withheld"],
        "seconds": round(seconds, 2),
        "tokens_per_second": round(tokens / seconds),
        "processor_seconds": round(worked, 2),
        "tokens_per_processor_second": round(tokens / worked),
        "peak_megabytes": round(peak.bytes / 1e6),
        "peak_megabytes_shared_pages_once": round(peak.once / 1e6),
    }


def main() -> None:
    """Measures the rows that are asked for, and keeps the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(ROWS))
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of notes")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    result = json.loads(arguments.out.read_text()) if arguments.out.exists() else {"rows": {}}
    for name in arguments.only or ROWS:
        model, processes, count, longest = ROWS[name]
        load = os.getloadavg()[0]
        made = row(model, processes, max(1, int(count * arguments.scale)), longest)
        made["load_before"] = round(load, 1)
        result["rows"][name] = {**made, "commit": commit()}
        result |= {"command": "python benchmarks/deid_stream.py", "scale": arguments.scale}
        result |= {"machine": machine(), "versions": versions()}
        atomic_write(arguments.out, json.dumps(result, indent=1) + "\n")
        print(name, json.dumps(made))


if __name__ == "__main__":
    main()
