"""What was known of a subject at the prediction time: nothing later ever leaves this file."""

from __future__ import annotations

import polars as pl

from sequela.cohort.windows import in_observation
from sequela.errors import SchemaError
from sequela.events import BIRTH_CODE, EventData, has_code

__all__ = ["observation_events"]

_KINDS = {
    "sample": pl.UInt32(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
}


def observation_events(
    data: EventData, labels: pl.DataFrame, observation_days: int | None = None
) -> pl.DataFrame:
    """The events of each sample's observation window, ``(t - observation_days, t]``.

    Births are left out: decades before the first visit, they would only distort time gaps; age is
    among the subgroups. Static facts are kept and have a null time.

    Args:
        data: the data set, streamed; only shards with a labelled subject are read.
        labels: ``subject_id``, ``prediction_time``; a row is a sample; a subject may stand in it
            several times, or be unknown to the data (its sample then has no events).
        observation_days: length of the window; None for the whole record before the prediction.

    Returns:
        ``sample`` (row of ``labels``, uint32), ``time`` (null for static facts), ``code``,
        ``numeric_value``, sorted by sample and time, static facts first.

    Raises:
        SchemaError: the labels lack a column.
    """
    for name in ("subject_id", "prediction_time"):
        if name not in labels.columns:
            raise SchemaError(f"column '{name}' of the labels", got="no such column")
    samples = labels.select(
        pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us"))
    ).with_row_index("sample")
    window = in_observation(pl.col("time"), pl.col("prediction_time"), observation_days)
    parts = [
        shard.lazy()
        .filter(~has_code(BIRTH_CODE))
        .join(samples.lazy(), on="subject_id", maintain_order="left_right")
        .filter(pl.col("time").is_null() | window)
        .select([pl.col(name).cast(kind) for name, kind in _KINDS.items()])
        .collect()
        for shard in data.shards(samples["subject_id"].unique().to_numpy())
    ]
    found = pl.concat(parts) if parts else pl.DataFrame(schema=_KINDS)
    return found.sort("sample", "time", nulls_last=False, maintain_order=True)
