"""Random calls, most of them wrong: the process lives, a wrong call raises, a right one is right.

Each call is made from its own number alone, so ``python -m tests.ops.fuzz FIRST COUNT`` reproduces
any failure with ``COUNT`` 1. A call is built to fit and then spoilt or not: what only looks unusual
(strides, aliases, NaN, gradients) must be computed, what does not fit must be refused.
"""

from __future__ import annotations

import ctypes
import random
import sys
from collections.abc import Callable
from typing import Any

import torch
from tests.ops import fuzz_layers as layers
from tests.ops import fuzz_score as score
from tests.ops.fuzz_drafts import Draft
from tests.ops.fuzz_raw import raw

from sequela.ops import force, native

__all__ = ["KINDS", "fuzz", "one"]

# What a refusal may be. An assertion or a SystemError would be a fault of ours.
REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, OverflowError)
REFUSALS += (ctypes.ArgumentError,)
KINDS = (
    *(layers.operator, layers.boundary, layers.boundary, layers.layer, layers.cell, layers.stream),
    *(score.product, score.pool, score.bag, score.softmax, score.function),
    *(score.drawn, score.moved, raw),
)
# Of these plain PyTorch computes the same; the others are compared elsewhere.
COMPARED = {layers.operator, layers.layer, layers.cell, layers.stream}


class Wrong(AssertionError):
    """A call had another end than it should."""


def compare(draft: Draft, call: Callable[[], Any], results: Any) -> None:
    with force("reference"):
        wanted = call()
    near = {"rtol": 1e-3, "atol": 1e-4} if draft.dtype == torch.float32 else {"rtol": 1e-9}
    near = {"atol": 1e-9, **near}
    if draft.options:
        near = {"rtol": 1e-6, "atol": 1e-6}
    for got, want in zip(results, wanted, strict=True):
        torch.testing.assert_close(got.detach(), want.detach(), equal_nan=True, **near)


def one(number: int, every: int = 7) -> bool:
    """The call with this number; whether it was a right one.

    Args:
        number: what everything is drawn from.
        every: each so manieth right call is compared with plain PyTorch.

    Raises:
        Wrong: it raised and should not have, or the other way round, or its numbers are wrong.
    """
    rng = random.Random(number)
    torch.default_generator.manual_seed(number)  # the others cost a quarter of the time
    kind = rng.choice(KINDS)
    draft = Draft(rng)
    call = kind(draft)
    told = f"call {number}: {kind.__name__} of {draft.cell}, {', '.join(draft.done) or 'as it is'}"
    try:
        results = call()
    except REFUSALS as error:
        if draft.valid:
            raise Wrong(f"{told}: refused: {type(error).__name__}: {error}") from error
        return False
    except Exception as error:
        raise Wrong(f"{told}: {type(error).__name__}: {error}") from error
    if draft.valid is None:
        return False
    if not draft.valid:
        raise Wrong(f"{told}: computed what does not fit")
    if results is None or number % every:
        return True
    if kind in COMPARED and draft.is_comparable:
        try:
            compare(draft, call, results)
        except AssertionError as error:
            raise Wrong(f"{told}: other numbers than plain PyTorch: {error}") from error
    differentiable = [part for part in results if part.requires_grad]
    if differentiable:
        torch.autograd.backward([part.sum() for part in differentiable])
    return True


def fuzz(first: int, count: int) -> tuple[int, int]:
    """Right and wrong calls among ``count``; the number of each is written before it is made."""
    right = 0
    for number in range(first, first + count):
        sys.stderr.write(f"{number}\n")
        right += one(number)
    return right, count - right


if __name__ == "__main__":
    first, count, *path = sys.argv[1:]
    if path:
        from pathlib import Path

        native._candidates = lambda: [Path(path[0])]  # another build of the library
    assert native.library() is not None, native.status()
    print(*fuzz(int(first), int(count)))
