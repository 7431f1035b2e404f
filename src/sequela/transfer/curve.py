"""The learning curve of a warm start beside the same model from scratch, at growing n.

For each n and each draw, n patients of the new institution are taken at random (the smaller sets
lie within the larger), a fifth of them for tuning, and both starts see exactly these. Each is
trained with each of the learning rates and keeps the one that is better on its own tuning patients.
All are judged on the same held-out patients.

The interval of a figure is of resamples of the held-out patients AND of the draws: each replicate
takes as many patients and as many draws as there are, with replacement, the same for both starts.
It therefore tells how sure the difference is for other patients to train on as well as to judge by;
of few draws it is a rough one, and the single draws stand beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from sequela import evaluate, seeds
from sequela.batches.groups import CodeGroups
from sequela.batches.running import read_once
from sequela.bundle import Bundle
from sequela.settings import checked
from sequela.train import TrainingSettings, fit, predict
from sequela.train.encoding import Encoder, EventSamples
from sequela.train.from_events import Tables
from sequela.train.outcomes import CLASS_KINDS, Outcome
from sequela.transfer.settings import TransferSettings
from sequela.transfer.vocabulary import fitted_like, remapped
from sequela.transfer.weights import freeze, initialised, warm_start

__all__ = ["SCRATCH", "WARM", "Begun", "Judge", "Start", "dealt", "learning_curve", "nested"]

WARM, SCRATCH = "warm start", "from scratch"
# One patient in five tunes: the rest is what there is to learn from.
_TUNING_EVERY = 5
_SIZES = ("vocabulary_size", "step_size", "static_size")

# How to make a model anew, and samples for it.
Begun = tuple[Callable[[], nn.Module], EventSamples]


@dataclass(frozen=True)
class Start:
    """Where both begin.

    Args:
        bundle: the trained model.
        encoder: its encoder.
        tables: of the new institution.
        groups: which group stands for a code there.
        parents: of the data set, or None.
        min_subjects: codes of fewer training patients are not learnt.
    """

    bundle: Bundle
    encoder: Encoder
    tables: Tables
    groups: CodeGroups
    parents: CodeGroups | None
    min_subjects: int

    def warm(self, rows: np.ndarray, settings: TransferSettings, seed: int) -> Begun:
        """The trained model, with what these training rows teach of codes."""
        found = remapped(self.encoder, self.fresh(rows))
        given = self.bundle.name, self.bundle.arguments, self.bundle.model.state_dict()

        def make() -> nn.Module:
            model = warm_start(*given, found.rows, settings.rows, seed)
            freeze(model, settings.freeze)
            return model

        return make, self.tables.samples(found.encoder, self.parents)

    def scratch(self, rows: np.ndarray, _settings: TransferSettings, seed: int) -> Begun:
        """A fresh model of the same kind, with all that is learnt from these rows alone."""
        samples = self.tables.samples(self.fresh(rows), self.parents)
        sizes = {key: getattr(samples, key) for key in _SIZES if key in self.bundle.arguments}
        arguments = {**self.bundle.arguments, **sizes}
        return partial(initialised, self.bundle.name, arguments, seed), samples

    def as_it_is(self) -> tuple[nn.Module, EventSamples]:
        """The trained model, and samples as it knows them."""
        encoder = replace(self.encoder, groups=self.groups)
        return self.bundle.model, self.tables.samples(encoder, self.parents)

    def fresh(self, rows: np.ndarray) -> Encoder:
        """An encoder that is fitted on these training rows alone."""
        given = self.encoder, self.tables, rows, self.groups, self.parents
        return fitted_like(*given, self.min_subjects)


def nested(subjects: np.ndarray, strata: np.ndarray, seed: int, draw: int) -> np.ndarray:
    """Subjects in a random order whose every beginning has each class in its share.

    Args:
        subjects: ``[n]``, the patient of each row.
        strata: ``[n]``, the class of each row; a patient's is the largest of them.
        seed: the run's seed.
        draw: which of the draws.
    """
    people, number = np.unique(subjects, return_inverse=True)
    classes = np.unique(strata, return_inverse=True)[1]
    stratum = np.zeros(len(people), np.int64)
    np.maximum.at(stratum, number, classes)
    random = seeds.generator(seed, "transfer", draw)
    place = np.empty(len(people))
    for one in np.unique(stratum):
        members = np.flatnonzero(stratum == one)
        place[random.permutation(members)] = (np.arange(len(members)) + random.random()) / len(
            members
        )
    return people[np.argsort(place, kind="stable")]


def dealt(
    people: np.ndarray, subjects: np.ndarray, strata: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Training and tuning rows of some patients: of each class every fifth patient tunes.

    Classes of fewer than five patients are dealt together, so that ten patients always tune.

    Args:
        people: the patients, in the order of :func:`nested`.
        subjects: ``[n]``, the patient of each row.
        strata: ``[n]``, the class of each row.
    """
    order = {person: place for place, person in enumerate(people.tolist())}
    mine = np.flatnonzero(np.isin(subjects, people))
    stratum: dict[Any, Any] = {}
    for row in mine:
        person = subjects[row]
        stratum[person] = max(stratum.get(person, strata[row]), strata[row])
    counts = Counter(stratum.values())
    shared: dict[Any, list[Any]] = {}
    for person in sorted(stratum, key=order.__getitem__):
        one = stratum[person]
        shared.setdefault(one if counts[one] >= _TUNING_EVERY else None, []).append(person)
    tuning = {
        one for members in shared.values() for one in members[_TUNING_EVERY - 1 :: _TUNING_EVERY]
    }
    tunes = np.isin(subjects[mine], list(tuning))
    return mine[~tunes], mine[tunes]


def learning_curve(
    start: Start, settings: TransferSettings, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Both starts at growing n, JSON-ready; ``E`` is ``{"value", "low", "high"}``.

    Returns:
        ``metric``, ``lower_is_better``, ``held_out`` (rows), ``draws``, ``rates``, ``as_it_is`` E,
        ``sizes`` with ``n``, ``warm start`` E, ``from scratch`` E, ``difference`` E (warm start
        less from scratch, turned so that more is better) and ``each``, the difference of each draw;
        ``left_out``, sizes beyond the patients there are, or without a patient of each class to
        learn from in some draw.
    """
    tables = start.tables
    pool = np.sort(np.concatenate([tables.rows["train"], tables.rows["tuning"]]))
    truth = tables.labelled.target
    assert truth is not None
    strata = np.asarray(tables.outcome.strata(truth)).astype(np.int64)
    subjects = tables.labelled.labels["subject_id"].to_numpy()
    given = subjects[pool], strata[pool]
    draws = {size: _draws(size, *given, settings) for size in settings.curve.sizes}
    classes = tables.outcome.kind in CLASS_KINDS and len(tables.outcome.names)
    sizes = [size for size, drawn in draws.items() if _enough(drawn, strata[pool], classes or 0)]
    for size in set(settings.curve.sizes) - set(sizes):
        say(f"{size:,} patients: left out, too few are there or none with each class")
    about, rows = tables.outcome.about, tables.rows["held_out"]
    part = evaluate.Part(tables.outcome.labels(truth[rows]), tables.groups[rows])
    judge = Judge(about, part, settings)
    model, samples = start.as_it_is()
    bundle, outcome = start.bundle, tables.outcome
    said = {"logit_shift": bundle.logit_shift, "kind": bundle.kind}
    before = outcome.restored(predict(model, read_once(samples.subset(rows)), **said))
    found = []
    for size in sizes:
        scores: dict[str, list[np.ndarray]] = {WARM: [], SCRATCH: []}
        for draw, (train, tuning) in enumerate(draws[size]):
            parts = (pool[train], pool[tuning], rows)
            for name, begin in ((WARM, start.warm), (SCRATCH, start.scratch)):
                scores[name].append(_trained(begin, parts, outcome, settings, draw))
        found.append({"n": size, **judge.size(scores)})
        say(_line(found[-1], judge.name))
    return {
        "metric": judge.name,
        "lower_is_better": judge.sign < 0,
        "held_out": len(rows),
        "draws": settings.curve.draws,
        "rates": list(settings.curve.rates),
        "as_it_is": judge.one(before),
        "sizes": found,
        "left_out": [size for size in settings.curve.sizes if size not in sizes],
    }


_Drawn = list[tuple[np.ndarray, np.ndarray]]


def _draws(
    size: int, subjects: np.ndarray, strata: np.ndarray, settings: TransferSettings
) -> _Drawn:
    """Training and tuning rows of each draw of so many patients; none where there are fewer."""
    if size > len(np.unique(subjects)):
        return []
    numbers = range(settings.curve.draws)
    orders = [nested(subjects, strata, settings.seed, draw)[:size] for draw in numbers]
    return [dealt(order, subjects, strata) for order in orders]


def _enough(drawn: _Drawn, strata: np.ndarray, classes: int) -> bool:
    """Whether every draw has rows of each class to learn from."""
    return bool(drawn) and all(len(np.unique(strata[train])) >= classes for train, _ in drawn)


def _trained(
    begin: Callable[[np.ndarray, TransferSettings, int], Begun],
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    outcome: Outcome,
    settings: TransferSettings,
    draw: int,
) -> np.ndarray:
    """What a start says of the held-out part, with the better of the learning rates."""
    seed = seeds.derive(settings.seed, "transfer", draw) % 2**31
    make, samples = begin(parts[0], settings, seed)
    # Records that are asked on their way are read once, as in any training.
    train, tuning, held_out = (read_once(samples.subset(rows)) for rows in parts)
    values = {**settings.trained, "seed": seed, "metric": "loss", "progress": False}
    if outcome.kind not in CLASS_KINDS:
        values["kind"] = outcome.loss
    best: tuple[float, np.ndarray] | None = None
    for rate in settings.curve.rates:
        trained = checked(TrainingSettings, {**values, "learning_rate": rate}, "training")
        model = make()
        history = fit(model, train, tuning, trained)
        if best is None or history.best_metric < best[0]:
            said = {"logit_shift": history.logit_shift, "kind": outcome.loss}
            best = history.best_metric, outcome.restored(predict(model, held_out, **said))
    assert best is not None
    return best[1]


class Judge:
    """Figures with intervals over patients and draws, and their paired differences."""

    def __init__(self, about: evaluate.About, part: evaluate.Part, settings: TransferSettings):
        self.about, self.part = about, part
        self.replicates, self.seed = settings.evaluation.replicates, settings.seed
        self.name = evaluate.leading_name(about)
        self.sign = -1.0 if self.name in evaluate.LOWER_IS_BETTER else 1.0

    def one(self, scores: np.ndarray) -> dict[str, float | None]:
        """The figure of one model."""
        points, drawn = self._measured({"": scores})
        return evaluate.estimate(points[""], drawn[""])

    def size(self, scores: Mapping[str, list[np.ndarray]]) -> dict[str, Any]:
        """The figures of both starts over their draws, and the difference."""
        count = len(scores[WARM])
        named = {(name, k): one for name, all_ in scores.items() for k, one in enumerate(all_)}
        points, drawn = self._measured(named)
        random = seeds.generator(self.seed, "transfer", "draws")
        chosen = random.integers(0, count, (self.replicates, count))
        figures, middle, spread = {}, {}, {}
        for name in (WARM, SCRATCH):
            middle[name] = np.array([points[name, k] for k in range(count)])
            every = np.stack([drawn[name, k] for k in range(count)], axis=1)
            spread[name] = np.take_along_axis(every, chosen, axis=1).mean(axis=1)
            figures[name] = evaluate.estimate(float(middle[name].mean()), spread[name])
        each = self.sign * (middle[WARM] - middle[SCRATCH])
        paired = self.sign * (spread[WARM] - spread[SCRATCH])
        difference = evaluate.estimate(float(each.mean()), paired)
        return {**figures, "difference": difference, "each": [float(one) for one in each]}

    def _measured(self, scores: Mapping[Any, np.ndarray]):
        statistics = {
            name: evaluate.leading_statistic(self.about, self.part, one)
            for name, one in scores.items()
        }
        ones = np.ones((1, len(self.part.labels)))
        points = {name: float(one(ones)[self.name][0]) for name, one in statistics.items()}
        drawn = evaluate.replicate(statistics, self.part.groups, self.replicates, self.seed)
        return points, {name: drawn[name][self.name] for name in statistics}


def _line(found: Mapping[str, Any], metric: str) -> str:
    warm, scratch, more = (found[name] for name in (WARM, SCRATCH, "difference"))
    interval = "" if more["low"] is None else f" ({more['low']:+.3f} to {more['high']:+.3f})"
    return (
        f"{found['n']:,} patients: {metric} {warm['value']:.3f} with the warm start, "
        f"{scratch['value']:.3f} from scratch, difference {more['value']:+.3f}{interval}"
    )
