"""What one row of the benchmark computes: its sizes, weights and data, the same for every player.

Gates stand in torch's order (LSTM i f g o, GRU r z n); rows of the weights are outputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

GATES = {"rnn_tanh": 1, "lstm": 4, "gru_after": 3, "gru_before": 3}
# How the lengths of the sequences come to the layer.
LENGTHS = {
    "dense": "every sequence has T steps",
    "packed": "log-normal lengths, a PackedSequence where there is one",
    "padded": "log-normal lengths beside data padded to T",
    "padded twice": "the same lengths beside data padded to 2 T",
    "batch twice": "each sequence twice",
}


class Case(NamedTuple):
    """One row: who wants to compare must fix all of it.

    ``mode`` is forward, training (forward and backward of the output's sum, with gradients for
    weights and input), step (one call of a cell, B = T = 1) or stepper (one call of
    ``layer.stepper``, which keeps its state; rivals make the same step).
    """

    cell: str
    B: int
    T: int
    D: int
    H: int
    lengths: str
    mode: str
    dtype: str
    threads: int

    @property
    def key(self) -> str:
        """The row's name in the JSON."""
        sizes = f"{self.B},{self.T},{self.D},{self.H}"
        return f"{self.cell} {sizes} {self.lengths} {self.mode} {self.dtype} {self.threads}"

    @property
    def base(self) -> Case | None:
        """What this row is compared with among ours, in the same turns.

        The same lengths padded to T for data padded to twice T or for each sequence twice; float32
        for bfloat16.
        """
        if self.lengths in ("padded twice", "batch twice"):
            return self._replace(lengths="padded")
        return self._replace(dtype="float32") if self.dtype == "bfloat16" else None

    @property
    def is_step(self) -> bool:
        """Whether it is one step through Python."""
        return self.mode in ("step", "stepper")

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the valid steps; a training step has three products for each."""
        valid = int(lengths_of(self).sum())
        once = valid * GATES[self.cell] * self.H * (self.D + self.H)
        return once * (3 if self.mode == "training" else 1)


class Problem(NamedTuple):
    """A case with its numbers: ``x [B, T, D]``, ``lengths [B]``, weights ``[G*H, D or H]``."""

    case: Case
    x: np.ndarray
    lengths: np.ndarray
    w_ih: np.ndarray
    w_hh: np.ndarray
    b_ih: np.ndarray
    b_hh: np.ndarray


def lengths_of(case: Case) -> np.ndarray:
    """Log-normal(2.5, 1) clipped to [1, T], one row of T, longest first; T each when dense."""
    if case.lengths == "dense":
        return np.full(case.B, case.T)
    drawn = np.exp(2.5 + np.random.default_rng(0).standard_normal(case.B)).astype(np.int64)
    drawn = drawn.clip(1, case.T)
    drawn[0] = case.T
    if case.lengths == "batch twice":
        drawn = np.repeat(drawn, 2)
    return np.sort(drawn)[::-1].copy()


def build(case: Case) -> Problem:
    """Seeded data and weights of a case, float32."""
    random = np.random.default_rng([case.B, case.T, case.D, case.H])
    lengths = lengths_of(case)
    width = 2 * case.T if case.lengths == "padded twice" else case.T
    rows, bound = GATES[case.cell] * case.H, case.H**-0.5

    def uniform(*shape: int) -> np.ndarray:
        return random.uniform(-bound, bound, shape).astype(np.float32)

    x = random.standard_normal((len(lengths), width, case.D), dtype=np.float32)
    weights = uniform(rows, case.D), uniform(rows, case.H), uniform(rows), uniform(rows)
    return Problem(case, x, lengths, *weights)


def valid(problem: Problem) -> np.ndarray:
    """``[B, T]``: which steps exist."""
    return np.arange(problem.x.shape[1])[None] < problem.lengths[:, None]


def gate_blocks(weights: np.ndarray, order: list[int]) -> np.ndarray:
    """The weights ``[G*H, ...]`` with their gates in another order."""
    blocks = weights.reshape(len(order), -1, *weights.shape[1:])
    return np.ascontiguousarray(blocks[order].reshape(weights.shape))


def checksum(output: Any, gradient: Any = None) -> list[float]:
    """Mean size of the valid outputs and of the recurrent weights' gradient (0 without one).

    It depends on no order of gates, so that players with different layouts can be compared.
    """
    sizes = [np.abs(np.asarray(output, dtype=np.float64)).sum()]
    sizes.append(0.0 if gradient is None else np.abs(np.asarray(gradient, np.float64)).mean())
    return [float(size) for size in sizes]
