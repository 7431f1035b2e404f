"""`sequela inspect`: what is in a data set, without showing a single patient.

Counts and quantiles only. A code seen in fewer than ``min_subjects`` subjects is pooled as rare,
and a quantile is left out when fewer subjects than that lie on either side of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sequela import ingest, sources
from sequela.cli.inspect_files import (
    describe_notes,
    describe_pairs,
    describe_recordings,
    describe_stream,
    describe_texts,
)
from sequela.errors import ConfigError, DataError
from sequela.events import EventData, Extract
from sequela.notes import NoteSet, PairSet, TextSet, TextStream
from sequela.settings import override
from sequela.signals import RecordingSet, SignalSet

__all__ = ["describe_events", "describe_signals", "run"]

_MIN_SUBJECTS = 11
_SHOWN_CODES = 20
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DAY = 86_400_000_000  # microseconds
_GAPS = "median_days_between_visits_per_subject"


def _quantiles(values: np.ndarray, subjects: int, min_subjects: int) -> dict[str, float | None]:
    """By "5%" ...; None where too few of the ``subjects`` behind the values lie on one side."""
    found: dict[str, float | None] = {}
    for share in _QUANTILES:
        hidden = min(share, 1 - share) * subjects < min_subjects or not len(values)
        found[f"{share:.0%}"] = None if hidden else round(float(np.quantile(values, share)), 3)
    return found


def _count_shard(shard: pl.DataFrame) -> dict[str, Any]:
    """What one shard, sorted by subject and time, adds; a subject lies in one shard only."""
    timed = shard.filter(pl.col("time").is_not_null())
    subject, time = timed["subject_id"].to_numpy(), timed["time"].to_physical().to_numpy()
    # A visit is a time of a subject: in sorted events it begins where either changes.
    begins = np.ones(timed.height, bool)
    begins[1:] = (subject[1:] != subject[:-1]) | (time[1:] != time[:-1])
    visits = timed.select("subject_id", "time").filter(pl.Series(begins, dtype=pl.Boolean))
    subject, time = subject[begins], time[begins]
    same = subject[1:] == subject[:-1]
    # Pooled gaps would be those of whoever has most visits: each subject counts once.
    gaps = pl.DataFrame({"subject_id": subject[1:], "gap": (time[1:] - time[:-1]) / _DAY})
    typical = gaps.filter(pl.Series(same, dtype=pl.Boolean)).group_by("subject_id").median()
    years = visits.select("subject_id", pl.col("time").dt.year().alias("year")).unique()
    everyone = shard["subject_id"].n_unique()
    absent = np.zeros(everyone - visits["subject_id"].n_unique(), np.int64)
    by_code = shard.group_by("code").agg(pl.len().cast(pl.Int64).alias("events"))
    bearers = shard.select("code", "subject_id").unique().group_by("code").len("subjects")
    return {
        "subjects": everyone,
        "events": shard.height,
        "static_events": shard.height - timed.height,
        "numeric": shard["numeric_value"].count(),
        "text": shard["text_value"].count(),
        "events_per_subject": np.concatenate([_per_subject(timed), absent]),
        "visits_per_subject": np.concatenate([_per_subject(visits), absent]),
        _GAPS: typical["gap"].to_numpy(),
        "codes": by_code.join(bearers.with_columns(pl.col("subjects").cast(pl.Int64)), on="code"),
        "years": years.group_by("year").agg(pl.len().cast(pl.Int64).alias("subjects")),
    }


def _per_subject(frame: pl.DataFrame) -> np.ndarray:
    return frame.group_by("subject_id").len()["len"].to_numpy()


def _codes(frame: pl.DataFrame, data: EventData, min_subjects: int) -> dict[str, Any]:
    order = ["subjects", "events", "code"]
    frame = frame.group_by("code").sum().sort(order, descending=[True, True, False])
    common = frame.filter(pl.col("subjects") >= min_subjects)
    rare = frame.filter(pl.col("subjects") < min_subjects)
    described = data.code_descriptions()
    return {
        "distinct": frame.height,
        "top": [
            {**row, "description": described.get(row["code"])}
            for row in common.head(_SHOWN_CODES).iter_rows(named=True)
        ],
        "not_shown": max(common.height - _SHOWN_CODES, 0),
        "rare": {"codes": rare.height, "events": int(rare["events"].sum())},
    }


def _years(frame: pl.DataFrame, min_subjects: int) -> dict[str, int] | None:
    """The first and last year that enough subjects share: an exact date would be one patient's."""
    years = frame.group_by("year").sum().filter(pl.col("subjects") >= min_subjects)["year"]
    if not len(years):
        return None
    return {"first": int(years.min()), "last": int(years.max())}  # type: ignore[arg-type]


def _parts(data: EventData) -> dict[str, int] | None:
    splits = data.splits()
    if splits is None:
        return None
    present = splits.filter(pl.col("subject_id").is_in(data.subject_ids().tolist()))
    counts = dict(present.group_by("split").len().sort("split").iter_rows())
    return {**counts, "without a part": len(data.subject_ids()) - present.height}


def describe_events(data: EventData, *, min_subjects: int = _MIN_SUBJECTS) -> dict[str, Any]:
    """What a set of events holds, shard by shard.

    Args:
        data: the data set.
        min_subjects: codes, years and quantiles with fewer subjects behind them are not shown.

    Returns:
        Plain data; no subject id, no time and no value of a single patient.
    """
    shards = [_count_shard(shard) for shard in data.shards()]

    def total(key: str) -> int:
        return int(sum(shard[key] for shard in shards))

    def joined(key: str) -> np.ndarray:
        return np.concatenate([shard[key] for shard in shards])

    subjects, events = total("subjects"), total("events")
    result: dict[str, Any] = {
        "kind": "events",
        "subjects": subjects,
        "events": events,
        "static_events": total("static_events"),
        "share_with_number": round(total("numeric") / events, 4),
        "share_with_text": round(total("text") / events, 4),
        "years": _years(pl.concat([shard["years"] for shard in shards]), min_subjects),
        "parts": _parts(data),
        "min_subjects": min_subjects,
    }
    for key in ("events_per_subject", "visits_per_subject"):
        result[key] = _quantiles(joined(key), subjects, min_subjects)
    typical = joined(_GAPS)
    result[_GAPS] = _quantiles(typical, len(typical), min_subjects)
    result["codes"] = _codes(pl.concat([shard["codes"] for shard in shards]), data, min_subjects)
    return result


def _amplitudes(signals: SignalSet) -> dict[str, dict[str, float]]:
    found = {}
    for number, channel in enumerate(signals.channels):
        values = signals.values[:, number]
        if not len(values):
            continue
        low, middle, high = np.quantile(values, [0.01, 0.5, 0.99])
        summary = {"mean": values.mean(dtype=np.float64), "sd": values.std(dtype=np.float64)}
        summary |= {"1%": low, "50%": middle, "99%": high}
        found[channel] = {key: round(float(value), 3) for key, value in summary.items()}
    return found


def describe_signals(signals: SignalSet) -> dict[str, Any]:
    """What a set of signals holds.

    Returns:
        Plain data; no id of a recording or subject and no single sample.
    """
    lengths = signals.lengths
    classes = None
    if signals.label is not None:
        values, counts = np.unique(signals.label, return_counts=True)
        classes = {str(value): int(n) for value, n in zip(values, counts, strict=True)}
    return {
        "kind": "signals",
        "records": len(signals),
        "recordings": len(np.unique(signals.recording)),
        "subjects": None if signals.subject is None else len(np.unique(signals.subject)),
        "samples": int(lengths.sum()),
        "samples_per_record": {"least": int(lengths.min()), "most": int(lengths.max())}
        if len(lengths)
        else None,
        "sampling_rate": signals.sampling_rate,
        "channels": list(signals.channels),
        "classes": classes,
        "amplitude": _amplitudes(signals),
        "groups": signals.group_note,
    }


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _print(found: dict[str, Any], path: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()

    def table(title: str, rows: Sequence[dict[str, Any]]) -> None:
        console.print(f"\n[bold]{escape(title)}[/bold]", highlight=False)
        shown = Table()
        for name, value in rows[0].items():
            shown.add_column(name, justify="right" if isinstance(value, int | float) else "left")
        for row in rows:
            shown.add_row(*(escape(_cell(value)) for value in row.values()))
        console.print(shown)

    single = {key: value for key, value in found.items() if not isinstance(value, dict | list)}
    single |= {key: ", ".join(value) for key, value in found.items() if isinstance(value, list)}
    table(
        str(path), [{"what": key.replace("_", " "), "how": _cell(v)} for key, v in single.items()]
    )
    spreads = {key: value for key, value in found.items() if key.endswith("_per_subject")}
    if spreads:
        rows = [{"what": key.replace("_", " "), **value} for key, value in spreads.items()]
        table("quantiles (- where too few subjects lie beyond)", rows)
    for key in ("years", "parts", "classes", "samples_per_record"):
        if found.get(key):
            values = found[key]
            # A year is a name, not an amount: no thousands separator.
            table(
                key.replace("_", " "),
                [{k: str(v) for k, v in values.items()} if key == "years" else values],
            )
    if found.get("amplitude"):
        table("amplitude", [{"channel": k, **v} for k, v in found["amplitude"].items()])
    for title, rows in found.get("tables", {}).items():
        if rows:
            table(title, rows)
    if codes := found.get("codes"):
        rare = codes["rare"]
        title = (
            f"{codes['distinct']:,} codes; {rare['codes']:,} of them rare (fewer than "
            f"{found['min_subjects']} subjects) with {rare['events']:,} events; "
            f"{codes['not_shown']:,} more are common"
        )
        if codes["top"]:
            table(title, codes["top"])
        else:
            console.print(title)


def run(path: Path, source: str, words: Sequence[str], *, as_json: bool = False) -> None:
    """Reads a data set and prints what is in it.

    Args:
        path: where it lies.
        source: which reader.
        words: ``key=value`` options of the reader; ``min_subjects`` is ours.
        as_json: print plain data instead of tables.
    """
    options = override({}, words)
    min_subjects = options.pop("min_subjects", _MIN_SUBJECTS)
    if type(min_subjects) is not int or min_subjects < 1:
        raise ConfigError(
            "argument 'min_subjects'", got=repr(min_subjects)[:40], wanted="a whole number from 1"
        )
    data = sources.read(source, path, **options)
    if isinstance(data, Extract):
        data = ingest.opened(source, path, **options)
    if isinstance(data, EventData):
        found = describe_events(data, min_subjects=min_subjects)
    elif isinstance(data, SignalSet):
        found = describe_signals(data)
    elif isinstance(data, RecordingSet):
        found = describe_recordings(data, min_subjects=min_subjects)
    elif isinstance(data, NoteSet):
        found = describe_notes(data, min_subjects=min_subjects)
    elif isinstance(data, TextSet):
        found = describe_texts(data, min_subjects=min_subjects)
    elif isinstance(data, PairSet):
        found = describe_pairs(data)
    elif isinstance(data, TextStream):
        found = describe_stream(data)
    else:
        wanted = "events, signals, notes or texts"
        raise DataError(f"data {path}", got=type(data).__name__, wanted=wanted)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print(found, path)
