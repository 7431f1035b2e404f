"""Which samples are in which step: a pure function of (seed, epoch, step).

Nothing is drawn from a generator that moves on, so a run that is resumed needs no saved state: it
asks for step 117 of epoch 3 again and gets the same samples.
"""

from __future__ import annotations

import numpy as np

from sequela import seeds
from sequela.errors import ConfigError, DataError

__all__ = ["EpochSampler", "balanced_weights", "sorting_lengths"]


def balanced_weights(classes: np.ndarray) -> np.ndarray:
    """Weights that give every class the same share: one over the size of the sample's class.

    Args:
        classes: ``[n]``, the class of each sample.

    Returns:
        float64 ``[n]``; they sum to the number of classes that are there.
    """
    _, member, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    return 1.0 / sizes[member]


def sorting_lengths(lengths: np.ndarray, target: np.ndarray) -> np.ndarray:
    """int64 ``[n]``, in what the samples of one batch are to be alike.

    The steps; but where a target is a text its tokens first, since steps are packed and tokens are
    padded to the longest text of the batch.

    Args:
        lengths: the steps of each sample, ``[n]``.
        target: ``[n, ...]``; whole numbers ``[n, T]`` with -1 behind their end are a text.
    """
    if target.ndim != 2 or not np.issubdtype(target.dtype, np.signedinteger):
        return lengths
    return (target >= 0).sum(1) * (1 + int(lengths.max(initial=0))) + lengths


class EpochSampler:
    """Batches of similar lengths in random order.

    Each epoch shuffles all samples, sorts pieces of ``bucket`` batches by length, cuts them into
    batches and shuffles these. So a batch holds similar lengths (the matrix products of a
    recurrent step stay full to the end), while both the company of a sample and the order of
    lengths stay random.

    Args:
        lengths: int64 ``[n]``, the number of steps of each sample.
        batch_size: samples of one step; the last batch of an epoch's plan may be smaller.
        seed: the run's seed.
        bucket: how many batches are sorted together; 1 sorts nothing. The default, 16, keeps most
            of the gain of sorting and leaves batches random where an epoch has many more.
        weights: ``[n]``, how often a sample is wanted, or None: every sample exactly once an epoch.
            With weights an epoch draws ``n`` samples by systematic sampling: each comes as often as
            its share of ``n`` says, rounded up or down.

    Raises:
        DataError: no samples, or weights that are negative, not finite or all zero.
        ConfigError: a batch size or bucket below 1.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        seed: int,
        *,
        bucket: int = 16,
        weights: np.ndarray | None = None,
    ):
        if batch_size < 1 or bucket < 1:
            raise ConfigError("the sampler", wanted="batch_size and bucket of at least 1")
        if len(lengths) == 0:
            raise DataError("the training samples", got="none", wanted="at least one")
        if weights is not None:
            weights = np.asarray(weights, dtype=np.float64)
            usable = weights.shape == (len(lengths),) and bool(np.isfinite(weights).all())
            if not usable or (weights < 0).any() or weights.sum() <= 0:
                raise DataError(
                    "the weights of the samples",
                    got="something else",
                    wanted="one finite number >= 0 for each sample, not all 0",
                )
        self._lengths = np.asarray(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._bucket = bucket
        self._weights = weights
        self._planned: tuple[int, list[np.ndarray]] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches of an epoch."""
        return -(-len(self._lengths) // self._batch_size)

    def batch(self, epoch: int, step: int) -> np.ndarray:
        """The samples of one step.

        Args:
            epoch: from 0.
            step: within the epoch, from 0.

        Returns:
            int64 ``[B]``; a pure function of the seed, the epoch and the step.
        """
        if not 0 <= step < self.steps_per_epoch:
            raise IndexError(f"step {step} of {self.steps_per_epoch}")
        # The plan of the last epoch is kept only because steps ask one after the other.
        if self._planned is None or self._planned[0] != epoch:
            self._planned = (epoch, self._plan(epoch))
        return self._planned[1][step]

    def _plan(self, epoch: int) -> list[np.ndarray]:
        random = seeds.generator(self._seed, "sampler", epoch)
        order = self._draw(random)
        piece = self._bucket * self._batch_size
        batches: list[np.ndarray] = []
        for start in range(0, len(order), piece):
            part = order[start : start + piece]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [
                part[first : first + self._batch_size]
                for first in range(0, len(part), self._batch_size)
            ]
        return [batches[index] for index in random.permutation(len(batches))]

    def _draw(self, random: np.random.Generator) -> np.ndarray:
        order = random.permutation(len(self._lengths))
        if self._weights is None:
            return order
        # Systematic sampling along a random order: no class is over-drawn by chance.
        share = np.cumsum(self._weights[order])
        points = (np.arange(len(order)) + random.random()) * (share[-1] / len(order))
        drawn = order[np.minimum(np.searchsorted(share, points, side="right"), len(order) - 1)]
        return random.permutation(drawn)
