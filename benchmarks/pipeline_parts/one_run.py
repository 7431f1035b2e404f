"""One run of a built-in experiment, from raw data to figures, as work to be measured."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["experiment"]

_KEPT = ("kind", "n", "groups", "group_name", "positives", "table", "differences", "interactions")
#: What only some kinds of outcome have.
_KEPT += ("breakdown", "per_class_all")


def experiment(
    name: str,
    words: Sequence[str],
    simulated: dict[str, Any] | None = None,
    fetched: str | None = None,
    keep: str | None = None,
) -> Callable[[], dict[str, Any]]:
    """The run of an experiment in a folder that is removed behind it.

    Args:
        name: a built-in experiment.
        words: as ``sequela train`` takes them, ``data=`` among them unless it is simulated; then
            ``{records}`` stands for the folder.
        simulated: the arguments of ``sequela.simulate.cohort``, or of another function of that room
            under ``function``.
        fetched: a data set of ``sequela fetch`` in place of ``data=``.
        keep: a new folder for the model; None throws it away.

    Returns:
        The work; it gives what a stored run needs of ``evaluation.json``, and the parts' seconds.
    """
    from sequela import experiments, simulate
    from sequela.cli.fetch import fetch
    from sequela.train.experiment import run

    def work() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as place:
            folder, given = Path(place), list(words)
            if simulated is not None:
                options = {"function": "cohort", **simulated}
                getattr(simulate, options.pop("function"))(folder / "records", **options)
                given = [word.replace("{records}", str(folder / "records")) for word in words]
                given.append(f"data={folder / 'records'}")
            if fetched is not None:
                given.append(f"data={fetch(fetched, folder)}")
            loaded = experiments.load(name, [*given, f"out={folder / 'run'}"])
            run(loaded)
            found = json.loads((folder / "run" / "evaluation.json").read_text())
            if keep is not None:
                shutil.copytree(folder / "run" / "model", keep)
            spent = json.loads((folder / "run" / "seconds.json").read_text())
        kept = {key: found[key] for key in _KEPT if key in found}
        return {"seed": loaded.seed, "parts": spent, **kept}

    return work
