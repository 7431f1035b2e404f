"""Signals as sequences: short frames of a record become the steps of a recurrent network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sequela.batches.samples import RaggedSamples
from sequela.errors import BundleError, ConfigError, DataError
from sequela.signals import SignalSet

__all__ = ["SignalEncoder"]

# A frame quieter than this share of the training part's typical deviation counts as silent: it
# keeps logarithms finite, and differences below it are the recorder's rounding.
_SILENCE = 0.02

# Frames worked on at once: small enough for the cache, large enough to hide Python's cost.
_BLOCK = 8192


def _refuse_outside(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(
            f"setting '{name}' of the encoding",
            got=value,
            wanted=f"a whole number from {low} to {high}",
        )


def _columns_of(frame: int, spectrum: int) -> int:
    # The mean, the deviation and the steps of one sample say nothing more.
    return 1 if frame == 1 else frame + 3 + spectrum


@dataclass(frozen=True)
class SignalEncoder:
    """Frames of samples as steps, scaled by what the training part looks like.

    A record of T samples has ``(T - frame) // hop + 1`` steps, none when it is shorter than a
    frame; samples behind the last whole frame are left out. Each step holds, for each channel,

    - the ``frame`` samples x as ``asinh((x - center) / unit)``: EEG amplitudes are heavy-tailed
      (seizures reach forty times the usual deviation), and asinh is linear for the usual ones and
      logarithmic beyond;
    - the frame's mean on the same scale, and the logarithms of its standard deviation and of its
      mean absolute step, so that amplitude and roughness need not be learnt by multiplication;
    - the log amplitudes of its ``spectrum`` lowest frequencies above 0 (multiples of
      ``sampling_rate / frame`` hertz, Hann window).

    A ``frame`` of 1 is the sample alone: ``asinh((x - center) / unit)`` of each channel.

    Every column is then centred and scaled to deviation 1 over the frames of the training part.
    With ``together`` all channels are scaled alike, as the pixels of an image are to be.
    A step depends on its own frame only, and to the last bit not on the other records. What stands
    beside a record (``SignalSet.beside``) becomes its static features, scaled likewise.

    Make one with :meth:`fit`; the arguments are plain numbers so that the bundle can hold them.

    Args:
        frame: samples in a step.
        hop: samples from the start of one step to the next.
        spectrum: frequencies in a step, 0 for none, at most ``frame // 2``.
        sampling_rate: hertz, of the training part; other signals must have the same.
        channels: names of the C channels, in order.
        center: C medians of the training part.
        unit: C median absolute deviations of the training part.
        mean: F means of the columns over the frames of the training part.
        scale: F standard deviations of the columns (1 where a column does not vary).
        beside: K names of what stands beside the records.
        beside_mean: K means over the records of the training part.
        beside_scale: K standard deviations.
    """

    frame: int
    hop: int
    spectrum: int
    sampling_rate: float
    channels: tuple[str, ...]
    center: tuple[float, ...]
    unit: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    beside: tuple[str, ...] = ()
    beside_mean: tuple[float, ...] = ()
    beside_scale: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls,
        train: SignalSet,
        frame: int = 64,
        hop: int = 8,
        spectrum: int = 24,
        together: bool = False,
    ) -> SignalEncoder:
        """Learns the scaling from the training part, and from nothing else.

        Args:
            train: the training part.
            frame: samples in a step. The defaults suit one-second records of EEG at 173.61 Hz: a
                step of 0.37 s every 0.05 s, with frequencies 2.7 Hz apart up to 65 Hz. Frames of
                half that length tell the bands below 8 Hz apart less well.
            hop: samples from the start of one step to the next.
            spectrum: frequencies in a step.
            together: scale all channels alike; for a frame of 1.

        Raises:
            ConfigError: a number is out of range.
            DataError: the training part has no record as long as a frame.
        """
        _refuse_outside("frame", frame, 1, 1 << 20)
        _refuse_outside("hop", hop, 1, 1 << 20)
        _refuse_outside("spectrum", spectrum, 0, frame // 2)
        if type(together) is not bool or (together and frame > 1):
            raise ConfigError(
                "setting 'together' of the encoding", wanted="true or false; true with frame=1"
            )
        if not np.any(train.lengths >= frame):
            raise DataError(
                "training part",
                got=f"no record of at least {frame} samples",
                wanted="records as long as a frame",
                todo="Choose a shorter frame.",
            )
        channels = len(train.channels)
        values = train.values.astype(np.float64)
        if together:
            values = values.reshape(-1, 1)
        center = np.median(values, axis=0)
        unit = np.median(np.abs(values - center), axis=0)
        # More than half of the samples equal: the deviation serves, and a flat channel is 0 anyway.
        unit = np.where(unit > 0, unit, values.std(axis=0))
        unit = np.where(unit > 0, unit, 1.0)
        center, unit = (np.broadcast_to(one, channels) for one in (center, unit))
        width = channels * _columns_of(frame, spectrum)
        raw = cls(
            frame=frame,
            hop=hop,
            spectrum=spectrum,
            sampling_rate=float(train.sampling_rate),
            channels=tuple(train.channels),
            center=tuple(center.tolist()),
            unit=tuple(unit.tolist()),
            mean=(0.0,) * width,
            scale=(1.0,) * width,
        )
        mean, scale = raw._moments(train, together)
        beside = _beside_moments(train)
        return replace(raw, mean=tuple(mean), scale=tuple(scale), **beside)

    @property
    def step_size(self) -> int:
        """The number F of columns of a step: C, or ``C * (frame + 3 + spectrum)``."""
        return len(self.channels) * _columns_of(self.frame, self.spectrum)

    def encode(
        self,
        signals: SignalSet,
        target: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> RaggedSamples:
        """The records as samples, in their order.

        Args:
            signals: n records with the channels and the sampling rate of the training part.
            target: ``[n]``, bool for yes/no, integers for classes; what
                :meth:`~sequela.signals.SignalDeclaration.target` gives. Zeros by default.
            groups: ``[n]``, the unit of splits and intervals; the recordings by default.

        Raises:
            DataError: other channels or another sampling rate than in training.
        """
        self._refuse_other_signals(signals)
        counts = self._counts(signals)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        steps = np.empty((offsets[-1], self.step_size), np.float32)
        done = 0
        for block in self._blocks(signals):
            steps[done : done + len(block)] = (block - self.mean) / self.scale
            done += len(block)
        return RaggedSamples.from_flat(
            steps,
            offsets,
            target=target,
            groups=signals.recording if groups is None else groups,
            static=self._static(signals),
        )

    def _static(self, signals: SignalSet) -> np.ndarray | None:
        if signals.beside is None:
            return None
        scaled = (signals.beside - np.array(self.beside_mean)) / np.array(self.beside_scale)
        return scaled.astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and names, for the bundle's JSON; exact."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SignalEncoder:
        """The encoder that :meth:`to_dict` described.

        Raises:
            BundleError: a key is missing, unknown or of the wrong type or length.
        """
        problem = BundleError(
            "the bundle's signal encoding",
            got="keys or numbers that do not fit each other",
            wanted="what SignalEncoder.to_dict wrote",
        )
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        try:
            encoder = cls(**plain)
            counts = (encoder.frame, encoder.hop, encoder.spectrum)
            beside = (*encoder.beside_mean, *encoder.beside_scale)
            numbers = (*encoder.center, *encoder.unit, *encoder.mean, *encoder.scale, *beside)
            fits = (
                all(type(count) is int for count in counts)
                and encoder.frame >= 1
                and encoder.hop >= 1
                and 0 <= encoder.spectrum <= encoder.frame // 2
                and len(encoder.center) == len(encoder.unit) == len(encoder.channels)
                and len(encoder.mean) == len(encoder.scale) == encoder.step_size
                and len(encoder.beside) == len(encoder.beside_mean) == len(encoder.beside_scale)
                and bool(np.all(np.isfinite(np.array((encoder.sampling_rate, *numbers), float))))
                and min((*encoder.unit, *encoder.scale, *encoder.beside_scale)) > 0
            )
        except (TypeError, ValueError):
            raise problem from None
        if not fits:
            raise problem
        return encoder

    def _refuse_other_signals(self, signals: SignalSet) -> None:
        if tuple(signals.channels) != self.channels:
            raise DataError(
                "channels of the signals",
                got=f"{len(signals.channels)} channels with other names or in another order",
                wanted=", ".join(self.channels),
            )
        if tuple(signals.beside_names) != self.beside:
            raise DataError(
                "what stands beside the records",
                got=", ".join(signals.beside_names) or "nothing",
                wanted=", ".join(self.beside) or "nothing, as in training",
            )
        if not np.isclose(signals.sampling_rate, self.sampling_rate, rtol=1e-3, atol=0.0):
            raise DataError(
                "sampling rate of the signals",
                got=f"{signals.sampling_rate:g} Hz",
                wanted=f"{self.sampling_rate:g} Hz, as in training",
                todo="Resample the signals.",
            )

    def _counts(self, signals: SignalSet) -> np.ndarray:
        """int64 [n], the number of whole frames of each record."""
        return np.maximum((signals.lengths - self.frame) // self.hop + 1, 0)

    def _blocks(self, signals: SignalSet) -> Iterator[np.ndarray]:
        """The columns of all frames in order, float64 [<= block, F], not yet standardised."""
        counts = self._counts(signals)
        before = np.cumsum(counts) - counts
        position = np.arange(int(counts.sum())) - np.repeat(before, counts)
        starts = np.repeat(signals.offsets[:-1], counts) + position * self.hop
        within = np.arange(self.frame)
        for first in range(0, len(starts), _BLOCK):
            places = starts[first : first + _BLOCK, None] + within
            frames = signals.values[places].astype(np.float64)
            if self.frame == 1:
                yield np.arcsinh((frames[:, 0] - self.center) / self.unit)
                continue
            yield np.concatenate(
                [
                    self._columns(np.ascontiguousarray(frames[:, :, channel]), channel)
                    for channel in range(len(self.channels))
                ],
                axis=1,
            )

    def _columns(self, frames: np.ndarray, channel: int) -> np.ndarray:
        """[m, frame] of one channel -> [m, frame + 3 + spectrum].

        Each reduction runs along the contiguous last axis, row by row; a matrix product or an FFT
        over many rows may round a row differently in different company.
        """
        center, unit = self.center[channel], self.unit[channel]
        silence = _SILENCE * unit
        mean = frames.mean(axis=1, keepdims=True)
        centred = frames - mean
        deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True))
        roughness = np.abs(np.diff(frames, axis=1)).mean(axis=1, keepdims=True)
        columns = [
            np.arcsinh((frames - center) / unit),
            np.arcsinh((mean - center) / unit),
            np.log(deviation + silence),
            np.log(roughness + silence),
        ]
        window = np.hanning(self.frame + 2)[1:-1]
        window /= window.sum()
        phase = 2.0 * np.pi * np.arange(self.frame) / self.frame
        for frequency in range(1, self.spectrum + 1):
            real = (centred * (window * np.cos(frequency * phase))).sum(axis=1, keepdims=True)
            imaginary = (centred * (window * np.sin(frequency * phase))).sum(axis=1, keepdims=True)
            columns.append(np.log(np.hypot(real, imaginary) + silence))
        return np.concatenate(columns, axis=1)

    def _moments(self, train: SignalSet, together: bool) -> tuple[list[float], list[float]]:
        """Mean and deviation of each column over all frames, in one pass (Chan et al. 1979).

        Those of all columns together where asked for.
        """
        count, mean, square = 0, np.zeros(self.step_size), np.zeros(self.step_size)
        for block in self._blocks(train):
            size = len(block)
            block_mean = block.mean(axis=0)
            shift = block_mean - mean
            square += ((block - block_mean) ** 2).sum(axis=0)
            square += shift**2 * (count * size / (count + size))
            mean += shift * (size / (count + size))
            count += size
        if together:
            square = square + count * (mean - mean.mean()) ** 2
            square = np.full_like(square, square.mean())
            mean = np.full_like(mean, mean.mean())
        deviation = np.sqrt(square / count)
        return mean.tolist(), np.where(deviation > 1e-9, deviation, 1.0).tolist()


def _beside_moments(train: SignalSet) -> dict[str, tuple[Any, ...]]:
    """Names, means and deviations of what stands beside the records."""
    if train.beside is None:
        return {}
    values = train.beside.astype(np.float64)
    deviation = values.std(axis=0)
    return {
        "beside": tuple(train.beside_names),
        "beside_mean": tuple(values.mean(axis=0).tolist()),
        "beside_scale": tuple(np.where(deviation > 1e-9, deviation, 1.0).tolist()),
    }
