"""Records of sampled channels with the ids that decide how they may be split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sequela.errors import DataError

__all__ = ["SignalSet"]


@dataclass(frozen=True, eq=False)
class SignalSet:
    """n records of C channels, of any lengths, laid end to end.

    Record i is ``values[offsets[i]:offsets[i + 1]]``. A record is what gets one label (a chunk of
    one second, say); several records may come from one recording, and those belong together in
    every split.

    Args:
        values: float32 [sum of the lengths, C], finite; units of the source (microvolts for EEG).
        offsets: int64 [n + 1], from 0 to ``len(values)``, never falling.
        recording: str [n], the recording each record was cut from; the unit of splitting.
        sampling_rate: samples per second.
        channels: C names.
        subject: str [n], or None where the source does not name its subjects.
        label: [n], the source's own class values, or None.
        group_note: one sentence on how the recordings were found; reports repeat it.
        units: C names of what the values are measured in ("uV"), or () where that is not known.
        onset: float64 [n], seconds from the start of its recording to each record, or None.
        beside: float32 [n, K], what is known of each record beside its samples, finite, or None.
        beside_names: K names.
        part: str [n], "train", "tuning" or "held_out" where the source puts each record into one,
            or None.

    Raises:
        DataError: the parts do not fit together, or a value is not finite.
    """

    values: np.ndarray
    offsets: np.ndarray
    recording: np.ndarray
    sampling_rate: float
    channels: tuple[str, ...]
    subject: np.ndarray | None = None
    label: np.ndarray | None = None
    group_note: str = ""
    units: tuple[str, ...] = ()
    onset: np.ndarray | None = None
    beside: np.ndarray | None = None
    beside_names: tuple[str, ...] = ()
    part: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Checks that the parts fit together."""
        self._check_values()
        self._check_offsets()
        for name in ("recording", "subject", "label", "onset", "part"):
            self._check_column(name)
        if self.units and len(self.units) != len(self.channels):
            raise DataError("units of a signal set", wanted="one for each channel, or none")
        width = (len(self), len(self.beside_names))
        given = np.zeros((len(self), 0)) if self.beside is None else self.beside
        if given.shape != width or not np.isfinite(given).all():
            raise DataError(
                "what stands beside the records of a signal set",
                got=f"shape {given.shape}, or numbers that are not finite",
                wanted=f"finite numbers of shape {width}",
            )

    def _check_values(self) -> None:
        if self.values.ndim != 2 or self.values.dtype != np.float32:
            raise DataError(
                "values of a signal set",
                got=f"{self.values.dtype} of shape {self.values.shape}",
                wanted="float32 [samples, channels]",
            )
        if self.values.shape[1] != len(self.channels) or not self.channels:
            raise DataError(
                "channels of a signal set",
                got=f"{len(self.channels)} names for {self.values.shape[1]} columns",
                wanted="one name for each column, at least one",
            )
        if len(set(self.channels)) != len(self.channels):
            raise DataError("channels of a signal set", got="a name twice", wanted="distinct names")
        if not (np.isfinite(self.sampling_rate) and self.sampling_rate > 0):
            raise DataError("sampling rate of a signal set", wanted="a number above 0, in hertz")
        # The sum is finite when all values are, and reads the array once without a copy.
        with np.errstate(over="ignore", invalid="ignore"):
            whole = np.isfinite(self.values.sum(dtype=np.float64))
        if not whole:
            bad = np.argwhere(~np.isfinite(self.values))[0]
            raise DataError(
                f"channel {self.channels[bad[1]]!r} of a signal set",
                got=f"a value that is not finite in sample {bad[0]}",
                wanted="finite numbers",
                todo="Cut the gap out or fill it before making the set.",
            )

    def _check_offsets(self) -> None:
        offsets = self.offsets
        fits = (
            offsets.ndim == 1
            and offsets.dtype == np.int64
            and len(offsets) >= 1
            and offsets[0] == 0
            and offsets[-1] == len(self.values)
            and bool(np.all(np.diff(offsets) >= 0))
        )
        if not fits:
            raise DataError(
                "offsets of a signal set",
                got=f"{offsets.dtype} of shape {offsets.shape}",
                wanted=f"int64 [records + 1], rising from 0 to {len(self.values)}",
            )

    def _check_column(self, name: str) -> None:
        column = getattr(self, name)
        if column is None and name != "recording":
            return
        if column is None or column.shape != (len(self),):
            raise DataError(
                f"{name} of a signal set",
                got="nothing" if column is None else f"shape {column.shape}",
                wanted=f"one entry for each of {len(self)} records",
            )
        if name in ("recording", "subject") and (
            column.dtype.kind != "U" or bool(np.any(column == ""))
        ):
            raise DataError(
                f"{name} of a signal set",
                got=f"{column.dtype} entries, or an empty one",
                wanted="an id as text for every record",
            )

    def __len__(self) -> int:
        """The number of records."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """int64 [n], samples in each record; 0 is allowed."""
        return np.diff(self.offsets)

    def record(self, index: int) -> np.ndarray:
        """float32 [T, C], one record, as a view."""
        position = range(len(self))[index]  # counts from the end and refuses what is outside
        return self.values[self.offsets[position] : self.offsets[position + 1]]

    def subset(self, indices: np.ndarray | Sequence[int]) -> SignalSet:
        """The chosen records, in the order given.

        Args:
            indices: record numbers (negative ones count from the end), or a boolean mask [n].
        """
        chosen = np.arange(len(self))[np.asarray(indices, dtype=None if len(indices) else int)]
        lengths = self.lengths[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(self.offsets[chosen] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return SignalSet(
            values=self.values[rows],
            offsets=offsets,
            recording=self.recording[chosen],
            sampling_rate=self.sampling_rate,
            channels=self.channels,
            subject=None if self.subject is None else self.subject[chosen],
            label=None if self.label is None else self.label[chosen],
            group_note=self.group_note,
            units=self.units,
            onset=None if self.onset is None else self.onset[chosen],
            beside=None if self.beside is None else self.beside[chosen],
            beside_names=self.beside_names,
            part=None if self.part is None else self.part[chosen],
        )
