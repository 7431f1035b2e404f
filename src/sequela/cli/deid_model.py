"""The model of `sequela deid`: which one, at which threshold, and what has to be said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sequela
from sequela import sources
from sequela.errors import ConfigError
from sequela.notes import NoteSet

if TYPE_CHECKING:
    from sequela.deid.tagger import StoredTagger

__all__ = ["SHIPPED", "chosen"]

SHIPPED = (
    "model: the small one that comes with Sequela. It was trained on simulated notes alone and has "
    "never seen a real one; its scores on simulated notes do not transfer. Read a sample."
)
# Asked for without torch, which takes seconds to load.
_SHIPPED = Path(sequela.__file__).parent / "deid" / "model"
# Other notes than those that decided on the stored threshold, of the same four templates.
_SIMULATED, _SEED = 300, 5


def chosen(
    choice: str | None,
    target: float | None,
    tuning: Path | None,
    source: str | None,
    *,
    alone: bool,
) -> tuple[StoredTagger | None, list[str]]:
    """The tagger, and the lines that are printed with it.

    Args:
        choice: "builtin", "none" or the folder of a bundle; None is the built-in one where this
            copy of Sequela has it.
        target: the recall that the threshold has to reach; None takes the stored threshold.
        tuning: marked notes that decide on it; for the shipped model simulated ones by default.
        source: that reads them.
        alone: one process does all the work, and may have all threads.

    Raises:
        BundleError: no such model, or a damaged one.
        ConfigError: a target without model or notes, or notes without a target.
        DataError: the target is not reached.
    """
    if target is None and tuning is not None:
        raise ConfigError("--tuning", got="no target", todo="Give --recall-target, too.")
    if choice is None:
        choice = "builtin" if _SHIPPED.is_dir() else "none"
    if choice == "none":
        if target is not None:
            wanted = "a model: rules have no threshold"
            raise ConfigError("--recall-target", got="--model none", wanted=wanted)
        return None, []
    # Only here, since torch takes seconds to load.
    import torch

    from sequela.deid.tagger import StoredTagger, shipped
    from sequela.ops.native_score import computes

    path = shipped() if choice == "builtin" else Path(choice)
    # The bits of the library do not depend on the threads, those of torch do.
    own = computes(torch.zeros(1))
    stored = StoredTagger(path, threads=None if alone and own else 1)
    # Now, so that what is wrong with it is said before the work.
    stored.tagger()
    said = [SHIPPED if choice == "builtin" else f"model: {path}"]
    if target is not None:
        threshold, line = _threshold(stored, target, tuning, source, choice == "builtin")
        stored = StoredTagger(path, threshold=threshold, threads=stored.threads)
        said.append(line)
    return stored, said


def _threshold(
    stored: StoredTagger, target: float, tuning: Path | None, source: str | None, simulated: bool
) -> tuple[float, str]:
    from sequela.deid.recall import threshold_for

    if tuning is None and not simulated:
        todo = "Give marked notes that it was not trained on: --tuning PATH."
        raise ConfigError("--recall-target", got="no notes to choose the threshold on", todo=todo)
    found = threshold_for(stored.tagger(), _notes(tuning, source), target)
    recall, precision = found.recall, found.precision
    whose = "simulated" if tuning is None else "your"
    line = (
        f"threshold {found.threshold:.4g} for a recall of {target:g}: on {found.notes:,} {whose} "
        f"notes, each half judged at the other's threshold, recall {_interval(recall)} at "
        f"precision {_interval(precision)} of tokens, with the rules"
    )
    return found.threshold, line


def _interval(found: dict) -> str:
    return f"{found['value']:.4f} (95 % interval {found['low']:.4f} to {found['high']:.4f})"


def _notes(path: Path | None, source: str | None) -> NoteSet:
    if path is None:
        from sequela.simulate.notes import notes

        return notes(_SIMULATED, _SEED, "tune")
    name = source or "notes_jsonl"
    marked = sources.read(name, path)
    if not isinstance(marked, NoteSet):
        raise ConfigError(f"source '{name}'", got="no notes", wanted="a source of marked notes")
    return marked
