"""Records that are asked many times on their way: read once, whatever the number of questions.

A stay with a prediction at each hour is as many samples, each of which sees the steps up to its
moment. Online steps (:class:`~sequela.batches.stretches.StretchSamples`) look the same to all of
them, so that a model that reads forward has all its answers after one pass: the score of an hour is
asked at the last step before it. Nothing is lost or gained by that; the answers have the bits that
each sample would have alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from sequela.batches.batch import Batch, gather_ragged
from sequela.batches.samples import Samples, target_tensor
from sequela.batches.stretches import StretchSamples

__all__ = ["RunningSamples", "read_once"]


@dataclass(frozen=True)
class RunningSamples:
    """Online samples as the records that they are questions of; ``R`` records, ``n`` questions.

    ``len``, ``lengths`` and ``batch`` are of records; ``target`` and ``groups`` are of questions,
    in the order of the samples. They keep :class:`~sequela.batches.Samples` otherwise.

    Args:
        samples: the ``n`` questions.
        longest: int64 ``[R]``, the sample that sees the most of each record.
        questions: int64 ``[n]``, the samples of all records, record after record.
        offsets: int64 ``[R + 1]``; record ``r`` has ``questions[offsets[r]:offsets[r + 1]]``.
    """

    samples: StretchSamples
    longest: np.ndarray
    questions: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, samples: StretchSamples) -> RunningSamples:
        """The records of online samples: those whose steps begin at the same one.

        A sample without a step is a record of its own.
        """
        # Below 0 and all different, so that these never share one.
        alone = -1 - np.arange(len(samples))
        begin = np.where(samples.lengths > 0, samples.starts, alone)
        questions = np.lexsort((samples.lengths, begin))
        ends = np.flatnonzero(np.diff(begin[questions], append=np.iinfo(np.int64).max)) + 1
        offsets = np.concatenate([[0], ends]).astype(np.int64)
        return cls(samples, questions[ends - 1], questions, offsets)

    def __len__(self) -> int:
        """The number of records ``R``."""
        return len(self.longest)

    @property
    def lengths(self) -> np.ndarray:
        """Int64 ``[R]``, the number of steps of each record."""
        return self.samples.lengths[self.longest]

    @property
    def target(self) -> np.ndarray:
        """``[n, ...]``, of each question."""
        return self.samples.target

    @property
    def groups(self) -> np.ndarray:
        """``[n]``, the patient of each question."""
        return self.samples.groups

    @property
    def step_size(self) -> int:
        """The number ``F`` of features of a step."""
        return self.samples.step_size

    @property
    def static_size(self) -> int:
        """The number ``S`` of features of a question that do not change with time."""
        return self.samples.static_size

    @property
    def vocabulary_size(self) -> int:
        """The number ``V`` of different codes."""
        return self.samples.vocabulary_size

    def places(self, indices: np.ndarray) -> np.ndarray:
        """Int64 ``[Q]``, which samples the answers to :meth:`batch` of these records belong to."""
        return gather_ragged(self.questions, self.offsets, np.asarray(indices, np.int64))[0]

    def batch(self, indices: np.ndarray) -> Batch:
        """The batch of these records, in this order; ``asked`` says where the questions are."""
        indices = np.asarray(indices, dtype=np.int64)
        chosen = self.places(indices)
        whole = self.samples.batch(self.longest[indices])
        each = self.samples.subset(chosen)
        return replace(
            whole,
            static=torch.from_numpy(each.static),
            target=target_tensor(each.target),
            rows=torch.from_numpy(each.rows),
            asked=torch.from_numpy(self._asked(whole, indices, each.lengths)),
        )

    def _asked(self, whole: Batch, indices: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """The packed step before each question: those of one time stand side by side."""
        assert whole.steps.unsorted_indices is not None
        counts = self.offsets[indices + 1] - self.offsets[indices]
        rank = np.repeat(whole.steps.unsorted_indices.numpy(), counts)
        sizes = whole.steps.batch_sizes.numpy()
        begin = np.append(np.cumsum(sizes) - sizes, 0)
        return np.where(lengths > 0, begin[lengths - 1] + rank, -1)

    def subset(self, indices: np.ndarray) -> RunningSamples:
        """The records with these indices, with all their questions."""
        return RunningSamples.of(self.samples.subset(self.places(indices)))


def read_once(samples: Samples) -> Samples:
    """What a model is given to read: of online samples the records, of others they themselves."""
    if isinstance(samples, StretchSamples) and samples.online:
        return RunningSamples.of(samples)
    return samples
