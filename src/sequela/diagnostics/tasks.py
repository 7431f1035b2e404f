"""Two tasks that need a long memory, and what a model without one scores at them.

Both are the published ones, in the form in which later papers use them:

- **adding problem** (Hochreiter & Schmidhuber 1997, experiment 4; here with the values and marks of
  Le 2015 and Arjovsky 2016): T pairs of a number in [0, 1) and a mark, two of them marked, one in
  each half; the answer after the last step is the sum of the two marked numbers.
- **copy memory** (Hochreiter & Schmidhuber 1997; Arjovsky 2016): a few symbols, then silence, then
  a signal, upon which the symbols are to be repeated in order.

Every batch is a function of its seed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sequela.errors import ConfigError
from sequela.seeds import generator

__all__ = ["TaskBatch", "adding_problem", "copy_memory", "score_without_memory"]


class TaskBatch(NamedTuple):
    """Sequences and their answers.

    Args:
        x: float32 ``[T, B, D]``.
        target: ``[B]`` float32 (adding) or ``[T, B]`` int64 classes (copy).
    """

    x: Tensor
    target: Tensor


def adding_problem(batch: int, steps: int = 200, *, seed: int) -> TaskBatch:
    """The adding problem: ``x [T, B, 2]``, number and mark; ``target [B]``, the sum.

    Args:
        batch: B.
        steps: T, at least 2.
        seed: of the numbers and marks.
    """
    if steps < 2:
        raise ConfigError("steps of the adding problem", got=steps, wanted="at least 2")
    draw = generator(seed, "adding problem")
    numbers = draw.random((steps, batch), dtype=np.float32)
    half, rows = steps // 2, np.arange(batch)
    first, second = draw.integers(0, half, batch), draw.integers(half, steps, batch)
    marks = np.zeros_like(numbers)
    marks[first, rows] = marks[second, rows] = 1
    x = torch.from_numpy(np.stack([numbers, marks], axis=-1))
    return TaskBatch(x, torch.from_numpy(numbers[first, rows] + numbers[second, rows]))


def copy_memory(
    batch: int, delay: int = 200, *, length: int = 10, symbols: int = 8, seed: int
) -> TaskBatch:
    """The copy memory: ``x [delay + 2*length, B, symbols + 2]``, ``target`` of the same steps.

    The ``length`` symbols come first, one step each; blanks follow, and the signal ``length + 1``
    steps before the end; the symbols are wanted in the last ``length`` steps and blanks before.
    As classes: the symbols, then blank, then (input only) the signal; x holds them one-hot.

    Args:
        batch: B.
        delay: T of the papers: each symbol is wanted ``delay + length`` steps after it was seen.
        length: how many symbols are to be kept.
        symbols: how many different ones there are.
        seed: of the symbols.
    """
    if min(delay, length, symbols) < 1:
        raise ConfigError("sizes of the copy memory", got="one below 1", wanted="at least 1")
    kept = generator(seed, "copy memory").integers(0, symbols, (length, batch))
    classes = np.full((delay + 2 * length, batch), symbols)
    target = classes.copy()
    classes[:length] = kept
    classes[-length - 1] = symbols + 1
    target[-length:] = kept
    x = torch.nn.functional.one_hot(torch.from_numpy(classes), symbols + 2)
    return TaskBatch(x.float(), torch.from_numpy(target))


def score_without_memory(
    task: str, *, delay: int = 200, length: int = 10, symbols: int = 8
) -> float:
    """The loss of the best answer that remembers nothing.

    Args:
        task: "adding" (mean squared error, 1/6: always answer 1) or "copy" (cross-entropy in nats
            a step: blanks, then any symbol, ``length * ln(symbols) / (delay + 2 * length)``).
        delay: of the copy memory, as are ``length`` and ``symbols``.
        length: see ``delay``.
        symbols: see ``delay``.
    """
    if task == "adding":
        return 1 / 6
    if task == "copy":
        return length * math.log(symbols) / (delay + 2 * length)
    raise ConfigError("task", got=repr(task), wanted="'adding' or 'copy'")
