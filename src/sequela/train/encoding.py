"""The table ``encoding`` of an experiment on events: which encoder, fitted how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from sequela.batches import ValueEncoder, ValueSamples, VisitEncoder, VisitSamples
from sequela.batches.groups import CodeGroups
from sequela.cohort import Observations
from sequela.errors import BundleError, ConfigError
from sequela.events import EventData
from sequela.settings import checked, nearest

__all__ = [
    "CodesEncoding",
    "Encoder",
    "EventSamples",
    "ValuesEncoding",
    "encoder_from",
    "encoding_settings",
    "fit_encoder",
    "parents_of",
]

Encoder = VisitEncoder | ValueEncoder
EventSamples = VisitSamples | ValueSamples


class _Encoding(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    min_subjects: int = Field(11, ge=1)
    grid: str | None = None
    parents: bool = False
    map: str | None = None
    online: bool = False


class CodesEncoding(_Encoding):
    """Visits: the codes of each time, see :class:`sequela.batches.VisitEncoder`.

    Args:
        kind: "codes", the default.
        min_subjects: codes of fewer training subjects are unknown.
        grid: "1h", "1d": one visit per cell of the clock; null for one per distinct time.
        parents: codes stand for their ``parent_codes``, one level up.
        map: a CSV file with ``code`` and ``group``; it counts before the parents.
        step: "time", or "event" for one step per event.
        facts: use undated facts beside age and sex.
        online: for scores of a running stay: no step looks ahead to the prediction, a record is
            read once for all its predictions, and models that read from the end are refused.
    """

    kind: Literal["codes"] = "codes"
    step: Literal["time", "event"] = "time"
    facts: bool = False


class ValuesEncoding(_Encoding):
    """Measurements, masks and time gaps, see :class:`sequela.batches.ValueEncoder`.

    Args:
        kind: "values".
        min_subjects: variables and codes of fewer training subjects are unknown.
        grid: "1h", "1d": one step per cell of the clock; null for one per distinct time.
        parents: codes stand for their ``parent_codes``, one level up.
        map: a CSV file with ``code`` and ``group``; it counts before the parents.
        missing: "forward" (the last value seen) or "mean".
        facts: use undated facts beside age and sex.
        most: variables at most.
        online: as for codes.
    """

    kind: Literal["values"]
    missing: Literal["forward", "mean"] = "forward"
    facts: bool = True
    most: int = Field(256, ge=1, le=10_000)


_KINDS: dict[str, type[CodesEncoding] | type[ValuesEncoding]] = {
    "codes": CodesEncoding,
    "values": ValuesEncoding,
}
_ENCODERS: dict[str, Callable[[Mapping[str, Any]], Encoder]] = {
    "codes": VisitEncoder.from_dict,
    "values": ValueEncoder.from_dict,
}


def encoding_settings(settings: Mapping[str, Any]) -> CodesEncoding | ValuesEncoding:
    """The settings of an experiment's encoding, checked.

    Raises:
        ConfigError: an unknown kind or key, a wrong type or a value out of range.
    """
    kind = settings.get("kind", "codes")
    if not isinstance(kind, str) or kind not in _KINDS:
        todo = nearest(str(kind), _KINDS)
        raise ConfigError("setting 'kind' of encoding", got=repr(kind)[:80], todo=todo)
    return checked(_KINDS[kind], settings, "encoding")


def parents_of(data: EventData) -> CodeGroups:
    """The groups that a data set's own ``codes.parquet`` makes: each code under its parents."""
    below = data.code_children()
    return CodeGroups.of((code, parent) for parent, codes in below.items() for code in codes)


def fit_encoder(
    settings: CodesEncoding | ValuesEncoding,
    events: pl.DataFrame | Observations,
    labels: pl.DataFrame,
    subgroups: pl.DataFrame,
    rows: np.ndarray,
    parents: CodeGroups | None,
) -> Encoder:
    """The encoder, fitted on the training rows alone.

    Args:
        settings: of the experiment.
        events: what was observed of all samples.
        labels: of all samples.
        subgroups: age and sex, a row for each label.
        rows: of the training part.
        parents: of the data set where ``settings.parents`` asks for them, else None.

    Raises:
        ConfigError: a wrong grid.
        DataError: a wrong map of codes.
    """
    options = settings.model_dump(exclude={"kind", "map", "parents"})
    groups = None if settings.map is None else CodeGroups.from_csv(Path(settings.map))
    fit = ValueEncoder.fit if isinstance(settings, ValuesEncoding) else VisitEncoder.fit
    return fit(events, labels, subgroups, rows=rows, groups=groups, parents=parents, **options)


def encoder_from(preparation: Mapping[str, Any]) -> tuple[Encoder, bool]:
    """The encoder of a bundle, and whether codes stand for their parents.

    Raises:
        BundleError: a key is missing, unknown or of the wrong type.
    """
    encoding = preparation.get("encoding")
    sound = (
        isinstance(encoding, Mapping)
        and set(encoding) == {"kind", "parents"}
        and isinstance(encoding["kind"], str)
        and encoding["kind"] in _ENCODERS
        and type(encoding["parents"]) is bool
    )
    if not sound or encoding is None:
        raise BundleError("the bundle's encoding", got="no known kind", wanted="codes or values")
    return _ENCODERS[encoding["kind"]](preparation.get("encoder", {})), encoding["parents"]
