"""Reading the stays and outcomes of the PhysioNet/Computing in Cardiology challenge 2012."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

import polars as pl

from sequela.errors import ConfigError, DataError, SchemaError
from sequela.events import BIRTH_CODE, DEATH_CODE, Delimited, Drops, Extract, Table
from sequela.events.cells import as_integers, as_numbers
from sequela.events.lists import unfolded
from sequela.sources.physionet2012.parameters import ICU_TYPES, PARAMETERS
from sequela.sources.physionet2012.stays import read_stays

__all__ = ["read"]

# The files count from admission and name no date; every stay begins here.
_START = datetime(2000, 1, 1)
_AT_A_TIME = 500  # stays; some 220,000 rows
_DAYS_PER_YEAR = 365.25
_MINUTES_PER_DAY = 1440
# What is to be predicted must lie behind all that may be seen: the first 48 hours, end included.
_EARLIEST_END = 2 * _MINUTES_PER_DAY + 1
_LARGEST = 3.4e38  # of float32, in which MEDS keeps values
_TIME = r"^([0-9]{2,3}):([0-5][0-9])$"
_STATIC = ("Age", "Gender", "Height", "ICUType")
_OUTCOMES = ("recordid", "length_of_stay", "survival", "in-hospital_death")
_KINDS = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
}


def read(path: Path | str, part: str = "a") -> Extract:
    """Opens one set of the challenge; rows are read when they are asked for.

    Args:
        path: the folder with ``set-a.tar.gz`` (or the folder ``set-a``) and ``Outcomes-a.txt``.
            Without the outcomes the stays have no discharge, which is enough for prediction.
        part: which set, "a", "b" or "c".

    Raises:
        ConfigError: another part.
        DataError: the set is not there, or the outcomes cannot be read.
    """
    path = Path(path)
    if not re.fullmatch(r"[a-z]", part):
        raise ConfigError("option 'part' of source physionet2012", wanted="a letter such as a")
    name = f"set-{part}"
    places = [path / name, *(path / f"{name}{end}" for end in (".tar.gz", ".tgz", ".tar"))]
    place = next((place for place in places if place.exists()), None)
    if place is None:
        raise DataError(
            f"data {path}", got=f"no {name}.tar.gz", wanted="the files of the challenge's page"
        )
    outcomes_file = path / f"Outcomes-{part}.txt"
    found = outcomes_file.is_file()
    outcomes = _outcomes(outcomes_file) if found else None
    drops = Drops()
    return Extract(
        tables=(Table(name, lambda: _frames(place, outcomes, name, drops)),),
        codes=_codes,
        dataset={
            "dataset_name": "PhysioNet/CinC Challenge 2012",
            "dataset_version": f"1.0.0 {name}",
            "license": "ODC-BY 1.0",
        },
        drops=drops,
        missing=() if found else (outcomes_file.name,),
        files=(*_files(place), *([outcomes_file] if found else [])),
        notes=("Stays have no dates: each begins on 2000-01-01 at 00:00.",),
    )


def _files(place: Path) -> list[Path]:
    return sorted(file for file in place.iterdir() if file.is_file()) if place.is_dir() else [place]


def _frames(
    place: Path, outcomes: pl.DataFrame | None, table: str, drops: Drops
) -> Iterator[pl.DataFrame]:
    seen = pl.Series("stay", [], pl.Int64)
    stays = iter(read_stays(place))
    while chunk := list(islice(stays, _AT_A_TIME)):
        rows = _split(chunk)
        numbers = pl.Series("stay", [stay for stay, _ in chunk], pl.Int64)
        seen = pl.concat([seen, numbers])
        frames = [_admissions(numbers), _events(rows, table, drops)]
        if outcomes is not None:
            ends = outcomes.filter(pl.col("stay").is_in(numbers.to_list()))
            frames.append(_ends(ends))
            drops.add(table, "stays without an outcome", len(numbers) - ends.height)
        yield pl.concat(frames)
    if outcomes is not None:
        absent = outcomes.filter(~pl.col("stay").is_in(seen.to_list())).height
        drops.add(table, "outcomes of stays that are not there", absent)


def _split(chunk: list[tuple[int, str]]) -> pl.DataFrame:
    """``stay``, ``row`` (from 1), ``time``, ``parameter``, ``value`` as text."""
    files = pl.DataFrame(chunk, schema={"stay": pl.Int64(), "line": pl.String()}, orient="row")
    lines = (
        unfolded(files.with_columns(pl.col("line").str.split("\n")), "line")
        .with_columns(row=pl.int_range(1, pl.len() + 1).over("stay"))
        .filter(pl.col("line").str.strip_chars() != "")
    )
    commas = lines["line"].str.count_matches(",", literal=True)
    wrong = lines.filter(commas != 2)
    if wrong.height:
        stay, row = wrong.row(0)[0], wrong["row"][0]
        raise SchemaError(f"row {row} of {stay}.txt", got="other cells", wanted="three cells")
    names = ["time", "parameter", "value"]
    cells = pl.col("line").str.split_exact(",", 2).struct.rename_fields(names)
    return lines.with_columns(cells.alias("cells")).drop("line").unnest("cells")


def _admissions(stays: pl.Series) -> pl.DataFrame:
    return _near_meds(
        stays.to_frame("subject_id").with_columns(
            time=pl.lit(_START), code=pl.lit("HOSPITAL_ADMISSION//ICU"), numeric_value=None
        )
    )


def _events(rows: pl.DataFrame, table: str, drops: Drops) -> pl.DataFrame:
    rows = rows.with_columns(pl.col("parameter").str.strip_chars())
    rows = _without_ids(rows)
    known = [*PARAMETERS, "Age", "Gender", "ICUType"]
    rows = drops.keep(rows, pl.col("parameter").is_in(known), table, "parameter not known")
    rows = rows.with_columns(number=as_numbers(rows["value"]))
    rows = drops.keep(rows, pl.col("number").abs() <= _LARGEST, table, "value is no number")
    rows = drops.keep(rows, pl.col("number") != -1, table, "value missing (-1)")
    hour, minute = (pl.col("time").str.extract(_TIME, group).cast(pl.Int64()) for group in (1, 2))
    rows = rows.with_columns(minutes=hour * 60 + minute)
    rows = drops.keep(rows, pl.col("minutes").is_not_null(), table, "time unreadable")
    dated = pl.when(~pl.col("parameter").is_in(list(_STATIC))).then(_after(pl.col("minutes")))
    plain = rows.filter(pl.col("parameter").is_in(list(PARAMETERS))).select(
        "row",
        subject_id="stay",
        time=dated,
        code=pl.lit("PHYSIONET2012//") + pl.col("parameter"),
        numeric_value="number",
    )
    found = [plain, *_descriptors(rows, table, drops)]
    ordered = pl.concat([_near_meds(part, "row") for part in found])
    return _near_meds(ordered.sort("subject_id", "row", maintain_order=True))


def _without_ids(rows: pl.DataFrame) -> pl.DataFrame:
    ids = rows.filter(pl.col("parameter") == "RecordID")
    wrong = ids.filter(as_integers(ids["value"]).ne_missing(ids["stay"]))
    if wrong.height:
        raise DataError(
            f"row {wrong['row'][0]} of {wrong['stay'][0]}.txt",
            got="another RecordID",
            wanted="the number in the file's name",
        )
    return rows.filter(pl.col("parameter") != "RecordID")


def _descriptors(rows: pl.DataFrame, table: str, drops: Drops) -> list[pl.DataFrame]:
    """Birth, sex and type of unit of the stays."""
    number = pl.col("number")
    ages = rows.filter(pl.col("parameter") == "Age")
    ages = drops.keep(ages, number.is_between(0, 130), table, "age out of range")
    before = (number * _DAYS_PER_YEAR * _MINUTES_PER_DAY).cast(pl.Int64())
    sexes = rows.filter(pl.col("parameter") == "Gender")
    sexes = drops.keep(sexes, number.is_in([0.0, 1.0]), table, "gender neither 0 nor 1")
    units = rows.filter(pl.col("parameter") == "ICUType")
    units = drops.keep(
        units, number.is_in([float(k) for k in ICU_TYPES]), table, "ICU type not known"
    )
    unit = number.cast(pl.Int64()).replace_strict(ICU_TYPES, return_dtype=pl.String())
    sex = pl.when(number == 0).then(pl.lit("GENDER//F")).otherwise(pl.lit("GENDER//M"))
    static = pl.lit(None, pl.Datetime("us"))
    return [
        frame.select("row", subject_id="stay", time=time, code=code, numeric_value=None)
        for frame, time, code in (
            (ages, _after(-before), pl.lit(BIRTH_CODE)),
            (sexes, static, sex),
            (units, static, pl.lit("ICU_TYPE//") + unit),
            (units, pl.lit(_START), pl.lit("ICU_ADMISSION//") + unit),
        )
    ]


def _after(minutes: pl.Expr) -> pl.Expr:
    return pl.lit(_START) + pl.duration(minutes=minutes)


def _near_meds(frame: pl.DataFrame, *more: str) -> pl.DataFrame:
    return frame.select(*more, *(pl.col(name).cast(kind) for name, kind in _KINDS.items()))


def _outcomes(path: Path) -> pl.DataFrame:
    """``stay``, ``stay_days`` and ``survival`` in days (-1: not known), ``died``."""
    frames = list(Delimited.open(path, required=_OUTCOMES).frames(_OUTCOMES))
    frame = pl.concat([pl.DataFrame(schema=dict.fromkeys(_OUTCOMES, pl.String())), *frames])
    numbers = frame.select(as_integers(frame[name]) for name in _OUTCOMES)
    names = ("stay", "stay_days", "survival", "died")
    numbers = numbers.rename(dict(zip(_OUTCOMES, names, strict=True)))
    wrong = pl.any_horizontal(pl.all().is_null()) | ~pl.col("died").is_in([0, 1])
    wrong |= pl.any_horizontal(pl.col("stay_days", "survival") > 36_525)
    bad = numbers.select(wrong).to_series().arg_true()
    if len(bad):
        raise SchemaError(
            f"row {bad[0] + 1} of {path.name}",
            got="something else",
            wanted="whole numbers of days, and 0 or 1 for In-hospital_death",
        )
    if numbers["stay"].n_unique() < numbers.height:
        raise DataError(f"file {path.name}", got="a RecordID twice", wanted="one row a stay")
    return numbers


def _ends(outcomes: pl.DataFrame) -> pl.DataFrame:
    """Discharge and death; a stay of unknown length ends a minute after the 48 hours."""
    died = pl.col("died") == 1
    ends = outcomes.with_columns(
        end=(pl.col("stay_days") * _MINUTES_PER_DAY).clip(lower_bound=_EARLIEST_END),
        later=pl.col("survival") * _MINUTES_PER_DAY,
    )
    place = pl.when(died).then(pl.lit("DIED")).otherwise(pl.lit("ALIVE"))
    # Days are whole, so a death after discharge counts from the day behind it.
    afterwards = ends.filter(~died & (pl.col("later") > pl.col("end")))
    frames = [
        (ends, pl.col("end"), pl.lit("HOSPITAL_DISCHARGE//") + place),
        (ends.filter(died), pl.col("end"), pl.lit(DEATH_CODE)),
        (afterwards, pl.col("later"), pl.lit(DEATH_CODE)),
    ]
    return pl.concat(
        _near_meds(
            frame.select(subject_id="stay", time=_after(minutes), code=code, numeric_value=None)
        )
        for frame, minutes, code in frames
    )


def _codes() -> pl.DataFrame:
    texts = {f"PHYSIONET2012//{name}": text for name, text in PARAMETERS.items()}
    texts |= {
        f"{kind}//{name}": f"intensive care unit: {name.replace('_', ' ').lower()}"
        for kind in ("ICU_ADMISSION", "ICU_TYPE")
        for name in ICU_TYPES.values()
    }
    return pl.DataFrame({"code": list(texts), "description": list(texts.values())})
