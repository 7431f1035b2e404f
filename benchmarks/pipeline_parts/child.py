"""Runs one part of one module: child.py MODULE PART OPTIONS; in a rival's environment too."""

import importlib
import json
import multiprocessing
import resource
import sys
import time
from pathlib import Path


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """The command line."""
    module, part, options = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    work = getattr(importlib.import_module(module), part)(**json.loads(options))
    spent, began = _processor(), time.perf_counter()
    result = work()
    seconds = time.perf_counter() - began
    for process in multiprocessing.active_children():
        process.join(1)
    found = {"seconds": round(seconds, 3), "processor_seconds": round(_processor() - spent, 3)}
    print("\n" + json.dumps({**found, **(result or {})}), flush=True)


if __name__ == "__main__":
    main()
