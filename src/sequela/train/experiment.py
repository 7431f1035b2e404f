"""The run of an experiment: raw data to samples, model, figures, bundle and report folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sequela import bundle, evaluate, recipes, seeds, tasks
from sequela.batches.running import read_once
from sequela.errors import ConfigError
from sequela.experiments import Experiment
from sequela.lock import locked
from sequela.settings import checked
from sequela.train import (
    from_described,
    from_events,
    from_pairs,
    from_signals,
    from_streams,
    from_texts,
)
from sequela.train.deterministic import limited_threads
from sequela.train.devices import check_devices
from sequela.train.fingerprint import samples_digest
from sequela.train.interactions import impose, interacting
from sequela.train.judge import can_be_meds, judge, write_meds_predictions, write_scores
from sequela.train.loop import fit
from sequela.train.losses import objective
from sequela.train.next_days import days_ahead
from sequela.train.online import check_online
from sequela.train.outcomes import CLASS_KINDS
from sequela.train.predict import predict
from sequela.train.prepared import Prepared, groups_digest
from sequela.train.provenance import commit, machine, versions
from sequela.train.run_folder import choose_folder, open_folder, write_json
from sequela.train.settings import TrainingSettings
from sequela.train.state import History
from sequela.train.tuning import choose_metric

__all__ = ["build_model", "check_settings", "prepare", "run"]

# A model's title in tables is a word of the report, not an argument of the recipe.
_NOT_ARGUMENTS = ("recipe", "title")


def prepare(experiment: Experiment) -> Prepared:
    """The parts of an experiment, read and encoded.

    Raises:
        ConfigError: no data named, or a wrong setting.
        DataError: the data cannot be used.
    """
    if experiment.data is None:
        raise ConfigError(
            "setting 'data'",
            got="nothing",
            wanted="the data set",
            todo=f"Write: sequela train {experiment.name} data=PATH",
        )
    kind = tasks.declaration(experiment.task["name"]).get("kind")
    rooms: dict[str, Any] = {
        "described": from_described,
        "pairs": from_pairs,
        "signal": from_signals,
        "stream": from_streams,
        "text": from_texts,
    }
    return rooms.get(str(kind), from_events).prepare(experiment)


def _model_arguments(experiment: Experiment, sizes: dict[str, Any]) -> dict[str, Any]:
    # What the recipe is built with: the experiment's arguments and the sizes it asks for.
    known = recipes.arguments(experiment.model["recipe"])
    answer = sizes.get("answer", "classes")
    _check_recipe(experiment.model["recipe"], answer, sizes)
    # A recipe may answer something else by default.
    if "answer" in known and "answer" not in experiment.model and known["answer"].default != answer:
        sizes = {**sizes, "answer": answer}
    for key in sizes:
        if key in experiment.model:
            raise ConfigError(f"setting 'model.{key}'", todo="Leave it out: the data decide it.")
    given = _given_arguments(experiment)
    return {**{key: value for key, value in sizes.items() if key in known}, **given}


def _given_arguments(experiment: Experiment) -> dict[str, Any]:
    return {key: value for key, value in experiment.model.items() if key not in _NOT_ARGUMENTS}


def _check_recipe(name: str, answer: str, sizes: dict[str, Any]) -> None:
    """Refuses a recipe that does not answer this, or would pass over a part of the samples."""
    answered = recipes.outcomes(name)
    if answer not in answered:
        others = [one for one in recipes.names() if answer in recipes.outcomes(one)]
        raise ConfigError(
            f"recipe '{name}'",
            got=f"an outcome of kind '{answer}'",
            wanted=f"one of kind {' or '.join(answered)}, which is all it answers",
            todo=f"Choose another model.recipe: {', '.join(others)}.",
        )
    known = recipes.arguments(name)
    if sizes.get("vocabulary_size") and "vocabulary_size" not in known:
        raise ConfigError(
            f"recipe '{name}'",
            got="samples with codes, which it does not read",
            wanted="signals",
            todo="Choose another model.recipe, such as onset_gru.",
        )
    if sizes.get("static_size") and "static_size" not in known:
        others = [
            one
            for one in recipes.names()
            if answer in recipes.outcomes(one) and "static_size" in recipes.arguments(one)
        ]
        raise ConfigError(
            f"recipe '{name}'",
            got=f"{sizes['static_size']} static features of each sample, which it does not read",
            wanted="none",
            todo=f"Choose another model.recipe: {', '.join(others)}.",
        )


def build_model(experiment: Experiment, sizes: dict[str, Any]) -> nn.Module:
    """The model, initialised as a pure function of the experiment's seed."""
    arguments = _model_arguments(experiment, sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive(experiment.seed, "initialisation"))
        try:
            return recipes.build(experiment.model["recipe"], **arguments)
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, RuntimeError) and "alloc" not in str(error).lower():
                raise
            raise ConfigError(
                "the sizes of the model", got="more than the memory holds", todo="Make it smaller."
            ) from error


def check_settings(experiment: Experiment) -> TrainingSettings:
    """The settings of training, checked; ConfigError for a wrong one."""
    if "seed" in experiment.training:
        raise ConfigError("setting 'training.seed'", todo="Write seed=... for the whole run.")
    if "kind" in experiment.training:
        raise ConfigError("setting 'training.kind'", todo="Leave it out: the task decides it.")
    values = {**experiment.training, "seed": experiment.seed}
    settings = checked(TrainingSettings, values, "training")
    check_devices(settings)
    return settings


def _description(experiment: Experiment, prepared: Prepared, command: str) -> dict[str, Any]:
    settings = experiment.model_dump(
        mode="json", exclude={"out", "name", "title", "data", "labels"}
    )
    if "map" in settings["encoding"]:
        # A path tells of the machine; what stands in the file is in the bundle.
        settings["encoding"]["map"] = Path(str(settings["encoding"]["map"])).name
    if settings["interactions"] is not None:
        settings["interactions"]["pairs"] = Path(settings["interactions"]["pairs"]).name
    return {
        "name": experiment.name,
        "title": experiment.title,
        "command": command,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seed": experiment.seed,
        "kind": prepared.kind,
        "classes": list(prepared.classes),
        "settings": settings,
        "held_out": samples_digest(read_once(prepared.parts["held_out"].samples)),
        "versions": versions(),
        "machine": machine(),
        "commit": commit(),
        "data_note": " ".join(prepared.notes),
    }


def _card(experiment: Experiment, prepared: Prepared, evaluation: dict[str, Any]) -> dict[str, Any]:
    row = evaluation["table"][0]
    figures = {
        key: value for key, value in row.items() if isinstance(value, dict) and "value" in value
    }
    return {
        "title": experiment.title,
        "task": prepared.cohort["description"],
        "classes": list(prepared.classes),
        "parts": prepared.part_counts(),
        "held_out": figures,
        "threshold": evaluation.get("threshold"),
        "notes": [*evaluation["notes"], "Research software: no score is a diagnosis."],
        "versions": versions(),
    }


def _save_bundle(folder: Path, experiment, prepared: Prepared, history, evaluation, model) -> None:
    threshold = (evaluation.get("threshold") or {}).get("value")
    if folder.exists():  # a resumed run that was killed behind this line
        return
    bundle.save(
        folder,
        model_name=experiment.model["recipe"],
        model_arguments=_model_arguments(experiment, prepared.sizes),
        state_dict=model.state_dict(),
        preparation={
            **prepared.preparation,
            "threshold": threshold,
            "groups": groups_digest(
                np.concatenate([part.samples.groups for part in prepared.parts.values()])
            ),
            **_label_thresholds(evaluation),
        },
        card=_card(experiment, prepared, evaluation),
        kind=prepared.asked.loss,
        classes=prepared.classes,
        logit_shift=history.logit_shift,
    )


def _label_thresholds(evaluation: dict[str, Any]) -> dict[str, Any]:
    found = evaluation.get("label_thresholds")
    return {"label_thresholds": found} if found else {}


def run(
    experiment: Experiment,
    *,
    resume: bool = False,
    command: str = "",
    say: Callable[[str], None] = print,
    prepared: Prepared | None = None,
    model: nn.Module | None = None,
) -> Path:
    """Trains, judges and stores an experiment.

    Everything that can be wrong with settings or data is found before the run folder appears. A
    killed run goes on with ``resume`` and ends with the same bits.

    Args:
        experiment: with ``data`` set.
        resume: go on with the run in ``experiment.out``.
        command: what the user typed, for the report.
        say: takes one line of progress at a time.
        prepared: the parts, where they are made already; by :func:`prepare` otherwise.
        model: where training begins; :func:`build_model` otherwise.

    Returns:
        The run folder.

    Raises:
        ConfigError: a setting is wrong.
        DataError: the data cannot be used.
        OutputError: the folder exists, cannot be written, or another run is at work in it.
    """
    settings = check_settings(experiment)
    folder = choose_folder(experiment.out, experiment.name, resume=resume)
    start = time.perf_counter()
    if prepared is None:
        # A slip of the pen is told before an hour of reading.
        recipes.check_arguments(experiment.model["recipe"], _given_arguments(experiment))
        if experiment.data is not None:
            say(f"reading {experiment.data}")
        prepared = prepare(experiment)
    if experiment.evaluation.predictions and not can_be_meds(prepared):
        raise ConfigError(
            "setting 'evaluation.predictions'",
            got="a task without subjects, prediction times and a yes-or-no outcome",
            todo="Leave it out.",
        )
    model = model or build_model(experiment, prepared.sizes)
    check_online(experiment.model["recipe"], model, prepared, settings)
    if experiment.interactions is not None:
        pairs = interacting(experiment.interactions, prepared.asked)
        prepared = replace(prepared, interactions=pairs)
        impose(model, pairs, experiment.interactions.cost)
    kind = prepared.asked.loss
    if kind not in CLASS_KINDS:
        settings = settings.model_copy(update={"kind": kind})
    tuning = prepared.parts["tuning"].samples.target
    choose_metric(settings.metric, kind, tuning)
    objective(
        prepared.parts["train"].samples.target, tuning, kind=settings.kind, balance=settings.balance
    )
    open_folder(folder, _description(experiment, prepared, command), resume=resume)
    reading = round(time.perf_counter() - start, 1)
    # Nobody else goes on with this run before it is judged; training has a lock of its own, since
    # it can be called alone.
    with locked(folder), limited_threads(settings.threads):
        write_json(folder / "cohort.json", _cohort(prepared))
        say(_parts_line(prepared))
        history, scores = _train(experiment, settings, prepared, model, folder, resume)
        trained = time.perf_counter()
        say("judging on the held-out part, beside the baselines")
        evaluation = judge(prepared, scores, experiment.evaluation, experiment.seed)
        seconds = {
            "reading": reading,
            "training": round(history.seconds, 1),  # of all legs of a resumed run
            "judging": round(time.perf_counter() - trained, 1),
        }
        write_scores(folder / "scores.parquet", prepared, scores, experiment.seed)
        if experiment.evaluation.predictions:
            threshold = evaluation["threshold"]["value"]
            write_meds_predictions(folder / "predictions.parquet", prepared, scores, threshold)
        _save_bundle(folder / "model", experiment, prepared, history, evaluation, model)
        write_json(folder / "seconds.json", seconds)
        write_json(folder / "evaluation.json", evaluation)
    return folder


def _train(
    experiment: Experiment,
    settings: TrainingSettings,
    prepared: Prepared,
    model: nn.Module,
    folder: Path,
    resume: bool,
) -> tuple[History, evaluate.Scores]:
    parts = {name: read_once(part.samples) for name, part in prepared.parts.items()}
    try:
        history = fit(model, parts["train"], parts["tuning"], settings, folder, resume=resume)
    except Exception:
        # A run that never took a step would only stand in the way of the corrected call.
        if not resume and not any((folder / "checkpoints").glob("step-*")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    outcome = prepared.asked
    said = {"logit_shift": history.logit_shift, "kind": outcome.loss}
    answer = prepared.answer or partial(predict, **said)
    risks = [outcome.restored(answer(model, parts[name])) for name in ("tuning", "held_out")]
    title = experiment.model.get("title", experiment.model["recipe"])
    decided, days = _decided(model, experiment), days_ahead(model, parts["held_out"])
    return history, evaluate.Scores(title, risks[0], risks[1], decided=decided, days=days)


def _decided(model: nn.Module, experiment: Experiment) -> float | None:
    # A lower threshold would name what the search was forbidden to name. What it names has scores
    # above 0, which the sigmoid turns into more than a half.
    searched = experiment.interactions is not None and hasattr(model, "hypotheses")
    return float(np.nextafter(0.5, 1.0)) if searched else None


def _cohort(prepared: Prepared) -> dict[str, Any]:
    return {
        **prepared.cohort,
        "parts": prepared.part_counts(),
        "group_name": prepared.group_name,
        "notes": list(prepared.notes),
    }


def _parts_line(prepared: Prepared) -> str:
    counts = prepared.part_counts()
    words = [
        f"{name.replace('_', '-')} {entry['rows']:,} of {entry['groups']:,} {prepared.group_name}"
        for name, entry in counts.items()
    ]
    return "; ".join(words)
