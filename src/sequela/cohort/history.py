"""What was known of a subject at the prediction time: nothing later ever leaves this file."""

from __future__ import annotations

import polars as pl

from sequela.errors import DataError, SchemaError
from sequela.events import BIRTH_CODE, EventData, has_code

__all__ = ["known_at", "observation_events"]

_KINDS = {
    "sample": pl.UInt32(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
}
_KEYS = ("subject_id", "prediction_time")


def known_at(events: pl.DataFrame) -> pl.Expr:
    """When each event became known: ``available_time`` where it is later than ``time``.

    Args:
        events: whose columns say whether it is there.
    """
    later = "available_time" if "available_time" in events.columns else "time"
    return pl.max_horizontal(pl.col("time"), pl.col(later))


def observation_events(
    data: EventData,
    labels: pl.DataFrame,
    observation_days: int | None = None,
    *,
    windows: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The events of each sample's observation window, ``(t - observation_days, t]``.

    An event counts from the time it became known, and has that time here. Births are left out:
    decades before the first visit, they would only distort time gaps; age is among the subgroups.
    Static facts are kept and have a null time.

    Args:
        data: the data set, streamed; only shards with a labelled subject are read.
        labels: ``subject_id``, ``prediction_time``; a row is a sample; a subject may stand in it
            several times, or be unknown to the data (its sample then has no events).
        observation_days: length of the window; None for the whole record before the prediction.
        windows: of a cohort, a row for each label, in place of ``observation_days``: what begins at
            an admission, or ends before the prediction. Their end is never after it.

    Returns:
        ``sample`` (row of ``labels``, uint32), ``time`` (null for static facts), ``code``,
        ``numeric_value``, sorted by sample and time, static facts first.

    Raises:
        SchemaError: the labels lack a column.
        DataError: the windows are not those of the labels.
    """
    for name in _KEYS:
        if name not in labels.columns:
            raise SchemaError(f"column '{name}' of the labels", got="no such column")
    keys = labels.select(
        pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us"))
    )
    samples = _bounded(keys, observation_days, windows).with_row_index("sample")
    after = pl.col("known") > pl.col("observation_start")
    inside = (pl.col("known") <= pl.col("observation_end")) & (
        pl.col("observation_start").is_null() | after
    )
    parts = [
        shard.lazy()
        .filter(~has_code(BIRTH_CODE))
        .with_columns(known=known_at(shard))
        .join(samples.lazy(), on="subject_id", maintain_order="left_right")
        .filter(pl.col("known").is_null() | inside)
        .drop("time")
        .rename({"known": "time"})
        .select([pl.col(name).cast(kind) for name, kind in _KINDS.items()])
        .collect()
        for shard in data.shards(samples["subject_id"].unique().to_numpy())
    ]
    found = pl.concat(parts) if parts else pl.DataFrame(schema=_KINDS)
    return found.sort("sample", "time", nulls_last=False, maintain_order=True)


def _bounded(keys: pl.DataFrame, days: int | None, windows: pl.DataFrame | None) -> pl.DataFrame:
    index = pl.col("prediction_time")
    if windows is None:
        start = pl.lit(None, pl.Datetime("us")) if days is None else index - pl.duration(days=days)
        return keys.with_columns(observation_start=start, observation_end=index)
    if not windows.select(_KEYS).equals(keys):
        raise DataError("the observation windows", got="other samples than those of the labels")
    end = pl.min_horizontal("observation_end", "prediction_time")
    return windows.select(*_KEYS, "observation_start", observation_end=end)
