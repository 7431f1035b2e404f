"""Times that cannot be right: diagnoses before they were made, events of the dead."""

from __future__ import annotations

import datetime as dt

import polars as pl

from sequela.cohort.history import known_at
from sequela.events import BIRTH_CODE, DEATH_CODE, has_code
from sequela.guard.finding import Finding, failed, passed, suspected

__all__ = ["AdmissionDiagnoses", "AfterDeath", "Availability", "BeforeBirth", "PredictionTimes"]

_DAY = dt.timedelta(days=1)

#: Codes of bills, which a hospital makes out when the patient leaves.
_BILLS = r"(?i)^(?:DIAGNOSIS//)?(?:ICD-?(?:9|10)|ICD//|DRG)"
_ADMISSION = r"(?i)^(?:HOSPITAL_)?ADMISSION"
_DISCHARGE = r"(?i)^(?:HOSPITAL_)?DISCHARGE"


class AdmissionDiagnoses:
    """Whether diagnoses of bills stand at the admission; taken in shard by shard.

    Args:
        min_subjects: what is seen in fewer is not told.
        share: of such codes that must stand at an admission, so that it is the rule of the data.
    """

    def __init__(self, min_subjects: int = 11, share: float = 0.5):
        self.min_subjects, self.share = min_subjects, share
        self._codes = self._early = self._subjects = 0

    def add(self, shard: pl.DataFrame) -> None:
        """Takes in a shard of aligned events."""
        known = shard.with_columns(known=known_at(shard)).drop_nulls("known")
        times = {
            name: known.filter(pl.col("code").str.contains(pattern)).select("subject_id", "known")
            for name, pattern in (("in", _ADMISSION), ("out", _DISCHARGE))
        }
        if not times["in"].height or not times["out"].height:
            return
        bills = known.filter(pl.col("code").str.contains(_BILLS)).select("subject_id", "known")
        # A stay that begins and ends at one moment cannot tell the two apart.
        stays = (
            times["in"].unique().join(times["out"].unique(), on=["subject_id", "known"], how="anti")
        )
        with_stay = bills.join(stays.select("subject_id").unique(), on="subject_id", how="semi")
        early = with_stay.join(stays, on=["subject_id", "known"], how="semi")
        self._codes += with_stay.height
        self._early += early.height
        self._subjects += early["subject_id"].n_unique()

    def finding(self) -> Finding:
        """``diagnoses_at_admission``."""
        check = "diagnoses_at_admission"
        if not self._codes:
            return passed(check, "no stays with codes of bills")
        share = self._early / self._codes
        if share < self.share or self._subjects < self.min_subjects:
            return passed(check, f"{share:.0%} of the codes of bills are known at an admission")
        return suspected(
            check,
            f"{share:.0%} of the codes of bills are known at the very moment of an admission, in "
            f"{self._subjects} subjects",
            "Such codes are made at discharge: let 'available_time' say so.",
            [{"codes": self._codes, "at_admission": self._early, "subjects": self._subjects}],
        )


class Availability:
    """Whether kinds of codes that become known later do so throughout; taken in shard by shard.

    Args:
        min_subjects: what is seen in fewer is not told.
    """

    def __init__(self, min_subjects: int = 11):
        self.min_subjects = min_subjects
        self._parts: list[pl.DataFrame] = []

    def add(self, shard: pl.DataFrame) -> None:
        """Takes in a shard of aligned events."""
        late = known_at(shard) > pl.col("time")
        kind = pl.col("code").str.split("//").list.first()
        self._parts.append(
            shard.filter(pl.col("time").is_not_null())
            .with_columns(kind=kind, late=late)
            .group_by("kind")
            .agg(
                events=pl.len().cast(pl.Int64),
                late=pl.col("late").sum().cast(pl.Int64),
                subjects=pl.col("subject_id").filter(~pl.col("late")).n_unique().cast(pl.Int64),
            )
        )

    def finding(self) -> Finding:
        """``availability``."""
        check = "availability"
        table = pl.concat(self._parts).group_by("kind").sum().sort("kind")
        later = table.filter(pl.col("late") > 0)
        # One in a hundred may lie at the end of its stay; half and half are two tables.
        at_once = pl.col("events") - pl.col("late")
        odd = later.filter(
            (pl.col("late") >= 0.8 * pl.col("events"))
            & (at_once >= 0.01 * pl.col("events"))
            & (pl.col("subjects") >= self.min_subjects)
        )
        if not odd.height:
            if not later.height:
                return passed(check, "every event is known when it happens, or nothing is said")
            return passed(check, f"{later.height} kind(s) of codes become known later, throughout")
        rows = odd.select("kind", "subjects", share=(at_once / pl.col("events"))).to_dicts()
        text = ", ".join(f"{row['share']:.0%} of {row['kind']}" for row in rows[:5])
        return suspected(
            check,
            f"known at once, where the rest of their kind become known later: {text}",
            "Fill in 'available_time' of these events too, or say why they were known.",
            rows,
        )


class AfterDeath:
    """Whether the dead have events; taken in shard by shard."""

    def __init__(self) -> None:
        self._dead = self._late = 0

    def add(self, shard: pl.DataFrame) -> None:
        """Takes in a shard of aligned events."""
        death = _deaths(shard)
        after = (
            shard.filter(~has_code(DEATH_CODE) & ~has_code(BIRTH_CODE))
            .join(death, on="subject_id")
            .filter(pl.col("time") > pl.col("death") + _DAY)
        )
        self._dead += death.height
        self._late += after["subject_id"].n_unique()

    def finding(self) -> Finding:
        """``events_after_death``."""
        check = "events_after_death"
        if not self._late:
            return passed(check, f"{self._dead} deaths, no event more than a day after one")
        return suspected(
            check,
            f"{self._late} of {self._dead} subjects who died have events more than a day later",
            "Correct the dates of death, or leave such events out: they tell who died.",
            [{"deaths": self._dead, "with_events": self._late}],
        )


class BeforeBirth:
    """Whether anything is dated before the birth of its subject; taken in shard by shard."""

    def __init__(self) -> None:
        self._born = self._early = 0

    def add(self, shard: pl.DataFrame) -> None:
        """Takes in a shard of aligned events."""
        births = shard.filter(has_code(BIRTH_CODE)).drop_nulls("time")
        birth = births.group_by("subject_id").agg(birth=pl.col("time").min())
        early = shard.join(birth, on="subject_id").filter(pl.col("time") < pl.col("birth") - _DAY)
        self._born += birth.height
        self._early += early["subject_id"].n_unique()

    def finding(self) -> Finding:
        """``events_before_birth``."""
        check = "events_before_birth"
        if not self._early:
            return passed(check, f"{self._born} births, no event more than a day before one")
        return suspected(
            check,
            f"{self._early} of {self._born} subjects have events more than a day before birth",
            "Correct the dates of birth, or of such events: their ages are wrong or missing.",
            [{"births": self._born, "with_events": self._early}],
        )


def _deaths(shard: pl.DataFrame) -> pl.DataFrame:
    """``subject_id`` and ``death``, the first of each, and ``told``, when it was known."""
    dated = shard.filter(has_code(DEATH_CODE) & pl.col("time").is_not_null())
    dated = dated.with_columns(told=known_at(dated))
    return dated.group_by("subject_id").agg(death=pl.col("time").min(), told=pl.col("told").min())


class PredictionTimes:
    """Whether predictions are made of the living, within their record; taken in shard by shard.

    Args:
        labels: ``subject_id``, ``prediction_time``.
        share: of predictions after the last event, from which on it is told.
    """

    def __init__(self, labels: pl.DataFrame, share: float = 0.01):
        self.share = share
        self._labels = labels.select(
            "subject_id", moment=pl.col("prediction_time").cast(pl.Datetime("us"))
        )
        self._dead = self._after = 0

    def add(self, shard: pl.DataFrame) -> None:
        """Takes in a shard of aligned events."""
        dated = shard.filter(~has_code(BIRTH_CODE)).with_columns(known=known_at(shard))
        last = dated.group_by("subject_id").agg(last=pl.col("known").max())
        rows = self._labels.join(last, on="subject_id").join(
            _deaths(shard), on="subject_id", how="left"
        )
        self._dead += rows.filter(pl.col("told") < pl.col("moment")).height
        self._after += rows.filter(pl.col("last") < pl.col("moment")).height

    def findings(self) -> list[Finding]:
        """``prediction_after_death`` and ``prediction_after_record``."""
        total = self._labels.height
        found = passed("prediction_after_death", f"{total} predictions, each of somebody alive")
        if self._dead:
            found = failed(
                "prediction_after_death",
                f"{self._dead} of {total} predictions are made after the subject's death",
                "Leave them out: their label is known.",
                [{"samples": total, "after_death": self._dead}],
            )
        return [found, self._ended(total)]

    def _ended(self, total: int) -> Finding:
        check = "prediction_after_record"
        if self._after < self.share * total or not self._after:
            return passed(check, f"{total - self._after} of {total} records go on after it")
        return suspected(
            check,
            f"{self._after} of {total} predictions are made after the last event of the record",
            "Nothing can be seen to happen there: leave out whoever is not followed (censoring).",
            [{"samples": total, "after_record": self._after}],
        )
