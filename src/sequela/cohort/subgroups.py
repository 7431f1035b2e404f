"""Age and sex at the prediction time, for features and for subgroups of an evaluation."""

from __future__ import annotations

import polars as pl

from sequela.cohort.history import known_at
from sequela.events import BIRTH_CODE, EventData, has_code

__all__ = ["DAYS_PER_YEAR", "SEX_PATTERN", "demographics", "subgroups"]

DAYS_PER_YEAR = 365.25

#: Spellings of sex in MEDS data sets: ``GENDER//F``, ``SEX//female``, ``Gender/8507`` (OMOP).
SEX_PATTERN = r"(?i)^(?:gender|sex)[/|:]+(.+)$"

_SEXES: dict[str, str | None] = {
    "f": "female",
    "female": "female",
    "8532": "female",
    "248152002": "female",
    "m": "male",
    "male": "male",
    "8507": "male",
    "248153007": "male",
    "0": None,
    "u": None,
    "unk": None,
    "unknown": None,
}


def demographics(events: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Age and sex of each label's subject, from one table of events.

    Args:
        events: aligned events.
        labels: ``subject_id``, ``prediction_time``.

    Returns:
        A row for each label, in order: ``subject_id``, ``age`` (years at the prediction, null where
        no birth is recorded), ``sex`` ("female", "male", "other"; null where the record says
        nothing, or several things). What became known after the prediction is not seen.
    """
    subjects = labels.select("subject_id", "prediction_time").with_row_index("row")
    # Few of the distinct codes say a sex; patterns are tried on these alone.
    names = events["code"].unique().to_frame().filter(pl.col("code").str.contains(SEX_PATTERN))
    names = names.with_columns(
        sex=pl.col("code")
        .str.extract(SEX_PATTERN, 1)
        .str.to_lowercase()
        .replace_strict(_SEXES, default="other", return_dtype=pl.String)
    )
    seen = pl.col("known").is_null() | (pl.col("known") <= pl.col("prediction_time"))
    births = (
        events.lazy()
        .filter(has_code(BIRTH_CODE))
        .with_columns(known=known_at(events))
        .join(subjects.lazy(), on="subject_id")
        .filter(seen)
        .group_by("row")
        .agg(pl.col("time").min().alias("birth"))
    )
    sexes = (
        events.lazy()
        .join(names.lazy(), on="code")
        .with_columns(known=known_at(events))
        .join(subjects.lazy(), on="subject_id")
        .filter(seen)
        .group_by("row")
        .agg(pl.col("sex").unique())
        .select("row", sex=pl.when(pl.col("sex").list.len() == 1).then(pl.col("sex").list.first()))
    )
    since_birth = pl.col("prediction_time") - pl.col("birth")
    seconds = pl.when(since_birth >= pl.duration()).then(since_birth).dt.total_seconds()
    found = (
        subjects.lazy()
        .join(births, on="row", how="left")
        .join(sexes, on="row", how="left")
        .sort("row")
        .select("subject_id", age=seconds.cast(pl.Float64), sex="sex")
        .collect()
    )
    # Polars divides one number and many by different means, whose last bits differ.
    years = found["age"].to_numpy() / 86_400 / DAYS_PER_YEAR
    return found.with_columns(pl.Series("age", years).fill_nan(None))


def subgroups(data: EventData, labels: pl.DataFrame) -> pl.DataFrame:
    """Age and sex of any labels, for those that no cohort brings (labels from a file).

    Args:
        data: the data set, streamed.
        labels: ``subject_id``, ``prediction_time``; a subject may stand in it several times.

    Returns:
        As :func:`demographics`; null age and sex for a subject that the data do not hold.
    """
    rows = labels.select("subject_id", "prediction_time").with_row_index("label")
    found = []
    for shard in data.shards(rows["subject_id"].unique().to_numpy()):
        part = rows.join(shard.select("subject_id").unique(), on="subject_id", how="semi")
        found.append(demographics(shard, part).with_columns(part["label"]))
    kinds = {"label": pl.UInt32, "age": pl.Float64, "sex": pl.String}
    known = pl.concat(
        [frame.select(list(kinds)) for frame in found] or [pl.DataFrame(schema=kinds)]
    )
    whole = rows.join(known, on="label", how="left").sort("label")
    return whole.select("subject_id", "age", "sex")
