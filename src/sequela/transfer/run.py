"""One transfer: the overlap, the learning curve, and the model trained further."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sequela import bundle
from sequela.batches.groups import CodeGroups
from sequela.errors import BundleError, ConfigError
from sequela.experiments import Experiment
from sequela.train import experiment as training
from sequela.train import from_events
from sequela.train.encoding import encoder_from, parents_of
from sequela.train.new_data import outcome_of
from sequela.train.outcomes import CLASS_KINDS, Outcome
from sequela.train.prepared import Prepared
from sequela.train.run_folder import choose_folder, write_json
from sequela.transfer.curve import WARM, Start, learning_curve
from sequela.transfer.settings import TransferSettings
from sequela.transfer.vocabulary import map_through, overlap, remapped
from sequela.transfer.weights import freeze, vocabulary_axes, warm_start

__all__ = ["transfer"]

_FILE = "transfer.json"
_RATE = 1e-3


def transfer(
    model: Path | str,
    settings: TransferSettings,
    *,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Path:
    """Trains a model further at another institution, and says what the head start was worth.

    The run folder is that of ``sequela train`` (the model, trained further on the whole training
    part and judged beside the rivals) with ``transfer.json`` in it: the overlap of the codes, and
    the learning curve.

    Args:
        model: a bundle of events.
        settings: see :class:`TransferSettings`.
        command: what the user typed, for the report.
        say: takes one line of progress at a time.

    Returns:
        The run folder.

    Raises:
        BundleError: the bundle is damaged.
        ConfigError: a wrong setting, or a model whose codes cannot be told apart.
        DataError: the data or the map cannot be used.
        OutputError: the folder exists, or cannot be written.
    """
    loaded = bundle.load(model)
    experiment = _experiment(
        loaded, settings, choose_folder(settings.out, "transfer", resume=False)
    )
    training.check_settings(experiment)
    vocabulary_axes(loaded.name, loaded.arguments)
    say(f"reading {settings.data}")
    start, codes = _start(loaded, experiment, settings)
    rows = start.tables.rows["train"]
    found = remapped(start.encoder, start.fresh(rows))
    overlapping = overlap(
        start.encoder, found, start.tables, rows, start.parents, start.min_subjects
    )
    said = _words(overlapping)
    say(said)
    given = loaded.name, loaded.arguments, loaded.model.state_dict()
    warm = warm_start(*given, found.rows, settings.rows, settings.seed)
    frozen = freeze(warm, settings.freeze)
    encoding = loaded.preparation["encoding"]
    prepared = from_events.assembled(
        start.tables, found.encoder, start.parents, encoding, start.min_subjects
    )
    prepared = replace(prepared, notes=(*prepared.notes, said))
    experiment = _sized(experiment, loaded, prepared)
    curve = learning_curve(start, settings, say) if settings.curve.sizes else None
    folder = training.run(experiment, command=command, say=say, prepared=prepared, model=warm)
    content = {
        "model": {"title": str(loaded.card.get("title", loaded.name)), "recipe": loaded.name},
        "settings": {
            "rows": settings.rows,
            "freeze": list(settings.freeze),
            "frozen_weights": frozen,
            "map": None if codes is None else len(codes),
        },
        "overlap": overlapping,
        "curve": curve,
    }
    write_json(folder / _FILE, content)
    return folder


def _experiment(loaded: bundle.Bundle, settings: TransferSettings, folder: Path) -> Experiment:
    """What a run of the same task, model and encoding at the new institution would be."""
    known = loaded.preparation
    if known.get("kind") != "events":
        raise BundleError("the model", got="no codes of events", wanted="a model of coded events")
    title = str(loaded.card.get("title", loaded.name))
    return Experiment(
        name="transfer",
        title=f"{title}, transferred",
        source=settings.source or known["source"],
        reading=known.get("reading", {}) if settings.reading is None else settings.reading,
        task={**known["task"], "name": str(known["task"].get("name", "task"))},
        model={"recipe": loaded.name, "title": WARM},
        encoding=dict(known["encoding"]),
        training={"learning_rate": _RATE, **settings.trained},
        split=settings.split,
        evaluation=settings.evaluation,
        seed=settings.seed,
        data=settings.data,
        labels=settings.labels,
        out=folder,
    )


def _sized(experiment: Experiment, loaded: bundle.Bundle, prepared: Prepared) -> Experiment:
    """The experiment with the arguments of the model that the data do not decide."""
    sizes = prepared.sizes
    kept = {key: value for key, value in loaded.arguments.items() if key not in sizes}
    return experiment.model_copy(update={"model": {**experiment.model, **kept}})


def _start(
    loaded: bundle.Bundle, experiment: Experiment, settings: TransferSettings
) -> tuple[Start, CodeGroups | None]:
    known = loaded.preparation
    encoder, grouped = encoder_from(known)
    outcome = outcome_of(known, Outcome(loaded.kind, tuple(loaded.classes)))
    codes = None if settings.map is None else CodeGroups.from_csv(settings.map)
    if codes is not None and outcome.kind == "sets":
        raise ConfigError(
            "setting 'map'",
            got="a map for a model that answers sets of codes",
            wanted="none: what it answers would not be mapped",
            todo="Map the codes of the data set itself.",
        )
    least = settings.min_subjects or encoder.vocabulary.min_subjects
    fixed = None if outcome.kind in CLASS_KINDS else outcome
    tables = from_events.read(experiment, known["task"], least, fixed)
    parents = parents_of(tables.data) if grouped else None
    groups = map_through(codes, encoder.groups)
    return Start(loaded, encoder, tables, groups, parents, least), codes


def _words(found: Mapping[str, Any]) -> str:
    kinds = found["kinds"]
    said = {
        "shared": "known to the model",
        "mapped": "known by the map",
        "new": "new to it",
        "unknown": "too rare to be learnt",
    }
    told = ", ".join(
        f"{kinds[kind]['codes']} {words} ({100 * kinds[kind]['events']:.1f} % of the events)"
        for kind, words in said.items()
        if kinds[kind]["codes"]
    )
    return f"Codes of the training part: {told}."
