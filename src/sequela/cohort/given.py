"""Labels that a file brings: what features may see of each, as the task would have it."""

from __future__ import annotations

import polars as pl

from sequela.cohort.build import build_cohort
from sequela.cohort.grammar import CohortDeclaration
from sequela.errors import CohortError, LabelError
from sequela.events import EventData

__all__ = ["windows_of"]


def windows_of(data: EventData, task: CohortDeclaration, labels: pl.DataFrame) -> pl.DataFrame:
    """The observation windows of labels that no cohort brings.

    Where the observation is counted from the prediction, as the task says; where it begins or ends
    with something else, such as a stay, that of the task's own prediction at this time.

    Args:
        data: the data set, read only where windows depend on it.
        task: the declaration.
        labels: ``subject_id``, ``prediction_time``.

    Returns:
        ``subject_id``, ``prediction_time``, ``observation_start`` (null for the whole record) and
        ``observation_end``, a row for each label in its order.

    Raises:
        LabelError: a label at another time than the task's own, where that is needed.
    """
    bounds = [bound for bound in (task.observation.start, task.observation.end) if bound]
    if any(bound.moment != "index" or bound.arrow for bound in bounds):
        return _of_episodes(data, task, labels)
    return _by_length(task, labels)


def _of_episodes(data: EventData, task: CohortDeclaration, labels: pl.DataFrame) -> pl.DataFrame:
    """The windows at the task's own prediction times, whoever else its conditions leave out."""
    everyone = task.model_copy(
        update={
            "index": task.index.model_copy(update={"select": "each"}),
            "include": (),
            "exclude": (),
            "follow_up": (),
            "matching": None,
        }
    )
    keys = labels.select(
        pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us"))
    )
    try:
        windows = build_cohort(data, everyone, known=False).windows
    except CohortError:
        windows = None
    if windows is None:
        found, missing = keys, keys.height
    else:
        found = keys.join(windows, on=keys.columns, how="left", maintain_order="left")
        missing = found["observation_end"].null_count()
    if missing:
        raise LabelError(
            f"labels from a file for task {task.name}",
            got=f"{missing:,} of {keys.height:,} at times that are no prediction times of the task",
            wanted="prediction times as 'sequela label' writes them, since the observation begins "
            "with the task's own episodes",
            todo="Or ask with task.observation=null (the whole record) or a length such as 30d.",
        )
    return found


def _by_length(task: CohortDeclaration, labels: pl.DataFrame) -> pl.DataFrame:
    window, index = task.observation, pl.col("prediction_time").cast(pl.Datetime("us"))
    start, end = pl.lit(None, pl.Datetime("us")), index
    if window.start is not None:
        closed = pl.duration(microseconds=int(window.start_inclusive))
        start = index + pl.lit(window.start.shift) - closed
    if window.end is not None:
        opened = pl.duration(microseconds=int(not window.end_inclusive))
        end = index + pl.lit(window.end.shift) - opened
    return labels.select(
        pl.col("subject_id").cast(pl.Int64),
        index,
        observation_start=start,
        observation_end=end,
    )
