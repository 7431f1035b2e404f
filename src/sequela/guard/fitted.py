"""Whether what is learnt from the training part is learnt from nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from sequela.guard.finding import Finding, failed, passed
from sequela.seeds import generator

__all__ = ["Fit", "fitted_on_training"]

#: What learns: (events, labels, subgroups, rows of the training part) to what it learnt, which is
#: plain data, or has ``to_dict()``.
Fit = Callable[[pl.DataFrame, pl.DataFrame, pl.DataFrame, np.ndarray], Any]

_OTHER_CODE = "SEQUELA//SEEN//IN//HELD//OUT"


def fitted_on_training(
    fit: Fit,
    events: pl.DataFrame,
    labels: pl.DataFrame,
    subgroups: pl.DataFrame,
    rows: np.ndarray,
    *,
    seed: int = 0,
) -> Finding:
    """Fits twice, the second time with everything outside the training part changed.

    There, codes are replaced, numbers multiplied and shifted, events deleted, ages and sexes
    changed, and labels turned round.

    Args:
        fit: learns a vocabulary, scaling or anything else.
        events: what is observed of all parts: ``sample`` (row of ``labels``), ``time``, ``code``,
            ``numeric_value``.
        labels: ``subject_id``, ``prediction_time`` and, where there, ``boolean_value``.
        subgroups: ``age`` and ``sex``, a row for each label.
        rows: of the training part.
        seed: of the changes.

    Returns:
        ``fitted_on_training``.
    """
    check = "fitted_on_training"
    training = np.zeros(labels.height, bool)
    training[rows] = True
    lot = generator(seed, "guard", "fitted")
    first = _plain(fit(events, labels, subgroups, rows))
    changed = (
        _changed_events(events, training, lot),
        _changed_labels(labels, training),
        _changed_people(subgroups, training),
    )
    second = _plain(fit(*changed, rows))
    outside = int((~training).sum())
    if first == second:
        return passed(check, f"nothing is learnt from the {outside} samples outside training")
    return failed(
        check,
        f"what is learnt changes with the {outside} samples outside the training part",
        "Fit vocabulary, scaling and selection on the rows of the training part alone.",
    )


def _plain(learnt: Any) -> str:
    learnt = learnt.to_dict() if hasattr(learnt, "to_dict") else learnt
    return json.dumps(learnt, sort_keys=True, default=_array)


def _array(value: Any) -> Any:
    return np.asarray(value).tolist()


def _changed_events(
    events: pl.DataFrame, training: np.ndarray, lot: np.random.Generator
) -> pl.DataFrame:
    mine = training[events["sample"].to_numpy()]
    kept = mine | (lot.random(events.height) < 0.7)
    renamed = ~mine & (lot.random(events.height) < 0.5)
    other = pl.Series(renamed, dtype=pl.Boolean)
    outside = pl.Series(~mine, dtype=pl.Boolean)
    columns = [pl.when(other).then(pl.lit(_OTHER_CODE)).otherwise("code").alias("code")]
    if "numeric_value" in events.columns:
        kind = events.schema["numeric_value"]
        shifted = (pl.col("numeric_value") * 1000 + 7).cast(kind)
        columns.append(
            pl.when(outside).then(shifted).otherwise("numeric_value").alias("numeric_value")
        )
    return events.with_columns(columns).filter(pl.Series(kept, dtype=pl.Boolean))


def _changed_labels(labels: pl.DataFrame, training: np.ndarray) -> pl.DataFrame:
    if "boolean_value" not in labels.columns:
        return labels
    value, mine = pl.col("boolean_value"), pl.Series(training)
    return labels.with_columns(boolean_value=pl.when(mine).then(value).otherwise(~value))


def _changed_people(subgroups: pl.DataFrame, training: np.ndarray) -> pl.DataFrame:
    mine = pl.Series(training)
    age, sex = pl.col("age").cast(pl.Float64), pl.col("sex").cast(pl.String)
    return subgroups.with_columns(
        age=pl.when(mine).then(age).otherwise(age.fill_null(0.0) + 55.5),
        sex=pl.when(mine).then(sex).otherwise(pl.lit("other")),
    )
