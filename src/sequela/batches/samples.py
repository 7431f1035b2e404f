"""Samples: sequences with what is to be predicted, ready to be cut into batches.

:class:`Samples` is the protocol that training, prediction and evaluation rest on;
:class:`RaggedSamples` keeps it with flat numpy arrays, whatever the steps were made from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from typing_extensions import Self

from sequela.batches.batch import Batch, gather_ragged, packed_order
from sequela.errors import DataError

__all__ = ["RaggedSamples", "Samples", "target_tensor"]


@runtime_checkable
class Samples(Protocol):
    """What every set of samples offers; ``n`` samples, in an order that never changes."""

    @property
    def lengths(self) -> np.ndarray:
        """Int64 ``[n]``, the number of steps of each sample, zeros allowed."""
        ...

    @property
    def target(self) -> np.ndarray:
        """``[n]``; bool for yes/no, integers for classes, floats for regression.

        Or ``[n, C]``: bool for labels, floats for numbers ahead, NaN where one is not known.
        """
        ...

    @property
    def groups(self) -> np.ndarray:
        """``[n]``, the patient or recording of each sample: the unit of splits and bootstrap."""
        ...

    @property
    def step_size(self) -> int:
        """The number ``F`` of features of a step."""
        ...

    @property
    def static_size(self) -> int:
        """The number ``S`` of features of a sample that do not change with time."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """The number ``V`` of different codes, the unknown one included; 0 without codes."""
        ...

    def __len__(self) -> int:
        """The number of samples ``n``."""
        ...

    def batch(self, indices: np.ndarray) -> Batch:
        """The batch of these samples, in this order; ``indices`` is int64 ``[B]``."""
        ...

    def subset(self, indices: np.ndarray) -> Self:
        """The samples with these indices, in this order."""
        ...


def target_tensor(target: np.ndarray) -> torch.Tensor:
    """The target of a batch: int64 for integers (classes), float32 for bool and floats."""
    if target.dtype.kind in "iu":
        return torch.from_numpy(target.astype(np.int64))
    return torch.from_numpy(target.astype(np.float32))


@dataclass(frozen=True)
class RaggedSamples:
    """Samples in flat arrays: all steps behind each other, and where each sample begins.

    A subset shares the flat arrays, so that splitting costs nothing.

    Args:
        steps: float32 ``[N, F]``, the features of all steps; ``F`` may be 0.
        starts: int64 ``[n]``, the first step of each sample.
        lengths: int64 ``[n]``, the number of steps of each sample.
        target: ``[n]`` or ``[n, C]``; bool, integer classes or floats.
        groups: ``[n]``, the patient or recording of each sample.
        static: float32 ``[n, S]``; ``S`` may be 0.
        codes: integers ``[M]``, the codes of all steps, or None.
        code_offsets: int64 ``[N + 1]``; the codes of step ``i`` are
            ``codes[code_offsets[i]:code_offsets[i + 1]]``.
        vocabulary_size: the number of different codes; 0 without codes.
        rows: int64 ``[n]``, the number of each sample in the set it was first made in.
    """

    steps: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    target: np.ndarray
    groups: np.ndarray
    static: np.ndarray
    rows: np.ndarray
    codes: np.ndarray | None = None
    code_offsets: np.ndarray | None = None
    vocabulary_size: int = 0

    @classmethod
    def from_flat(
        cls,
        steps: np.ndarray,
        offsets: np.ndarray,
        *,
        target: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        static: np.ndarray | None = None,
        codes: np.ndarray | None = None,
        code_offsets: np.ndarray | None = None,
        vocabulary_size: int = 0,
    ) -> Self:
        """Samples of flat arrays, checked.

        Args:
            steps: ``[N, F]``, the features of all steps.
            offsets: ``[n + 1]``; sample ``i`` has the steps ``offsets[i]`` to ``offsets[i + 1]``.
            target: ``[n]``; zeros (float32) by default, for prediction.
            groups: ``[n]``; every sample its own group by default.
            static: ``[n, S]``; no static features by default.
            codes: ``[M]``, integers in ``[0, vocabulary_size)``.
            code_offsets: ``[N + 1]``, needed with ``codes``.
            vocabulary_size: the number of different codes.

        Raises:
            DataError: sizes do not fit each other, or codes are outside the vocabulary.
        """
        offsets = np.asarray(offsets, dtype=np.int64)
        count = len(offsets) - 1
        if (
            count < 0
            or offsets[0] != 0
            or offsets[-1] != len(steps)
            or (np.diff(offsets) < 0).any()
        ):
            raise DataError(
                "the offsets of the samples",
                got="a list that does not run from 0 to the number of steps",
                wanted="n + 1 numbers that never fall",
            )
        samples = cls(
            steps=np.ascontiguousarray(steps, dtype=np.float32),
            starts=offsets[:-1],
            lengths=np.diff(offsets),
            target=np.zeros(count, np.float32) if target is None else np.asarray(target),
            groups=np.arange(count) if groups is None else np.asarray(groups),
            static=np.zeros((count, 0), np.float32)
            if static is None
            else np.ascontiguousarray(static, dtype=np.float32),
            rows=np.arange(count, dtype=np.int64),
            codes=None if codes is None else np.asarray(codes),
            code_offsets=None if code_offsets is None else np.asarray(code_offsets, np.int64),
            vocabulary_size=vocabulary_size,
        )
        samples._check()
        return samples

    def _check(self) -> None:
        for name, array, dimensions in (
            ("target", self.target, (1, 2)),
            ("groups", self.groups, (1,)),
            ("static", self.static, (2,)),
        ):
            if array.ndim not in dimensions or len(array) != len(self):
                raise DataError(
                    f"the {name} of the samples",
                    got=f"shape {list(array.shape)}",
                    wanted=f"{' or '.join(map(str, dimensions))} dimension(s), the first of "
                    f"{len(self)} samples",
                )
        if self.steps.ndim != 2:
            raise DataError(
                "the steps of the samples", got=f"shape {list(self.steps.shape)}", wanted="[N, F]"
            )
        if self.target.dtype.kind not in "biuf":
            raise DataError(
                "the target of the samples",
                got=f"values of type {self.target.dtype}",
                wanted="bool, integer classes or floats",
            )
        if self.codes is not None:
            self._check_codes(self.codes)

    def _check_codes(self, codes: np.ndarray) -> None:
        offsets = self.code_offsets
        if (
            offsets is None
            or offsets.shape != (len(self.steps) + 1,)
            or offsets[0] != 0
            or offsets[-1] != len(codes)
            or (np.diff(offsets) < 0).any()
        ):
            raise DataError(
                "the code offsets of the samples",
                got="a list that does not fit the codes",
                wanted="one more than there are steps, from 0 to the number of codes",
            )
        if len(codes) and not (codes.min() >= 0 and codes.max() < self.vocabulary_size):
            raise DataError(
                "the codes of the samples",
                got="a code outside the vocabulary",
                wanted=f"integers in [0, {self.vocabulary_size})",
            )

    def __len__(self) -> int:
        """The number of samples ``n``."""
        return len(self.starts)

    @property
    def step_size(self) -> int:
        """The number ``F`` of features of a step."""
        return self.steps.shape[1]

    @property
    def static_size(self) -> int:
        """The number ``S`` of features of a sample that do not change with time."""
        return self.static.shape[1]

    def batch(self, indices: np.ndarray) -> Batch:
        """The batch of these samples, in this order.

        Args:
            indices: int64 ``[B]``, positions in this set.
        """
        indices = np.asarray(indices, dtype=np.int64)
        order = packed_order(self.starts[indices], self.lengths[indices])
        codes = code_offsets = None
        if self.codes is not None and self.code_offsets is not None:
            found, begin = gather_ragged(self.codes, self.code_offsets, order.steps)
            codes = torch.from_numpy(found.astype(np.int64))
            code_offsets = torch.from_numpy(begin)
        return Batch(
            steps=order.pack(self.steps[order.steps]),
            codes=codes,
            code_offsets=code_offsets,
            static=torch.from_numpy(self.static[indices]),
            target=target_tensor(self.target[indices]),
            rows=torch.from_numpy(self.rows[indices]),
        )

    def subset(self, indices: np.ndarray) -> Self:
        """The samples with these indices, in this order; steps and codes are shared."""
        indices = np.asarray(indices)
        return replace(
            self,
            starts=self.starts[indices],
            lengths=self.lengths[indices],
            target=self.target[indices],
            groups=self.groups[indices],
            static=self.static[indices],
            rows=self.rows[indices],
        )
