"""Samples that are stretches of histories: a step that many samples see is held once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from typing_extensions import Self

from sequela.batches.batch import Batch, PackedOrder, gather_ragged, packed_order
from sequela.batches.samples import target_tensor
from sequela.batches.tables import MICROSECONDS_PER_DAY

__all__ = ["StretchSamples"]

_WAIT = "hours since the last step"
_OF_A_SAMPLE = ("starts", "lengths", "predicted", "target", "groups", "static", "rows")


@dataclass(frozen=True)
class StretchSamples:
    """Samples of events; made by an encoder. They keep :class:`~sequela.batches.Samples`.

    The first two features of a step are ``log1p`` of the days since the step before (0 for the
    first of a sample) and ``log1p`` of the days until the prediction. They depend on the sample, so
    they are made batch by batch. A subset shares what belongs to steps.

    ``online`` samples have ``log1p`` of the days since the first step in place of those until the
    prediction: then a step looks the same to all predictions of a record, whenever they are made,
    and :class:`~sequela.batches.running.RunningSamples` reads it once for all of them.

    Args:
        time: int64 ``[N]``, microseconds, when all of each step was known.
        since: float32 ``[N]``, ``log1p`` of the days since the step before in the record.
        codes: int32 ``[C]``, the codes of all steps, distinct and sorted in each.
        code_offsets: int64 ``[N + 1]``; the codes of step ``i`` are
            ``codes[code_offsets[i]:code_offsets[i + 1]]``.
        starts: int64 ``[n]``, the first step of each sample.
        lengths: int64 ``[n]``, the number of steps of each sample.
        predicted: int64 ``[n]``, microseconds, the prediction time of each sample.
        target: ``[n]``.
        groups: ``[n]``, the patient of each sample.
        static: float32 ``[n, S]``.
        rows: int64 ``[n]``, the number of each sample in the set it was first made in.
        vocabulary_size: V, the unknown code included.
        code_names: ``V`` names; number 0 is the unknown code.
        static_names: ``S`` names.
        online: steps do not look ahead to the prediction, see above.
    """

    time: np.ndarray
    since: np.ndarray
    codes: np.ndarray
    code_offsets: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    predicted: np.ndarray
    target: np.ndarray
    groups: np.ndarray
    static: np.ndarray
    rows: np.ndarray
    vocabulary_size: int
    code_names: tuple[str, ...]
    static_names: tuple[str, ...]
    online: bool

    def __len__(self) -> int:
        """The number of samples ``n``."""
        return len(self.starts)

    @property
    def step_size(self) -> int:
        """The number ``F`` of features of a step."""
        return 2

    @property
    def static_size(self) -> int:
        """The number ``S`` of features of a sample that do not change with time."""
        return self.static.shape[1]

    @property
    def times(self) -> np.ndarray:
        """Float32 ``[sum of lengths, 2]``: the time features, sample after sample."""
        steps, sample, begin = self.listed()
        return self.features(steps, sample, begin[self.lengths > 0])

    def listed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All steps of all samples, one sample after the other.

        Returns:
            The steps, int64 [sum of lengths]; the sample of each; and where each sample begins,
            int64 [n].
        """
        begin = np.cumsum(self.lengths) - self.lengths
        sample = np.repeat(np.arange(len(self)), self.lengths)
        steps = np.arange(len(sample)) + (self.starts - begin)[sample]
        return steps, sample, begin

    def features(self, steps: np.ndarray, sample: np.ndarray, first: np.ndarray) -> np.ndarray:
        """The time features of steps as samples see them, float32 ``[k, 2]``.

        Args:
            steps: int64 ``[k]``.
            sample: int64 ``[k]``, who sees each of them.
            first: int64, which of the ``k`` are the first of their sample.
        """
        result = np.empty((len(steps), 2), np.float32)
        result[:, 0] = self.since[steps]
        result[first, 0] = 0.0
        if self.online:
            away = self.time[steps] - self.time[self.starts[sample]]
        else:
            away = self.predicted[sample] - self.time[steps]
        result[:, 1] = np.log1p(away / MICROSECONDS_PER_DAY)
        return result

    def for_online(self) -> Self:
        """The same as online samples, with how long ago the last step was as a static feature.

        That is ``log1p`` of the hours from there to the prediction, and 0 without a step.
        """
        seen = self.lengths > 0
        hours = np.zeros((len(self), 1), np.float32)
        last = self.starts[seen] + self.lengths[seen] - 1
        hours[seen, 0] = (self.predicted[seen] - self.time[last]) * (24 / MICROSECONDS_PER_DAY)
        static = np.concatenate([self.static, np.log1p(hours)], axis=1)
        return replace(self, static=static, static_names=(*self.static_names, _WAIT), online=True)

    def batch(self, indices: np.ndarray) -> Batch:
        """The batch of these samples, in this order; ``indices`` is int64 ``[B]``."""
        indices = np.asarray(indices, dtype=np.int64)
        order = packed_order(self.starts[indices], self.lengths[indices])
        codes, code_begin = gather_ragged(self.codes, self.code_offsets, order.steps)
        return Batch(
            steps=order.pack(self._packed_features(indices, order)),
            codes=torch.from_numpy(codes.astype(np.int64)),
            code_offsets=torch.from_numpy(code_begin),
            static=torch.from_numpy(self.static[indices]),
            target=target_tensor(self.target[indices]),
            rows=torch.from_numpy(self.rows[indices]),
        )

    def _packed_features(self, indices: np.ndarray, order: PackedOrder) -> np.ndarray:
        # In packed order the first steps of all sequences come first.
        first = np.arange(int(order.batch_sizes[0]) if len(order.batch_sizes) else 0)
        return self.features(order.steps, indices[order.member], first)

    def subset(self, indices: np.ndarray) -> Self:
        """The samples with these indices, in this order; what belongs to steps is shared."""
        indices = np.asarray(indices)
        return replace(self, **{name: getattr(self, name)[indices] for name in _OF_A_SAMPLE})
