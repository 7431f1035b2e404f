"""Random calls, most of them wrong: the process lives, a wrong call raises, a right one is right.

Each call is made from its own number alone, so ``python -m tests.ops.fuzz FIRST COUNT`` reproduces
any failure with ``COUNT`` 1. A call is built to fit and then spoilt or not: what only looks unusual
(strides, aliases, NaN, gradients) must be computed, what does not fit must be refused.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import torch

from sequela import nn
from sequela.cells import CELLS, CellWeights
from sequela.ops import force, native, native_call, run
from sequela.ops.padded import Padding

__all__ = ["fuzz", "one"]

# What a refusal may be. An assertion or a SystemError would be a fault of ours.
REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, OverflowError)
HUGE = (1 << 40, 1 << 62, (1 << 63) - 1)
NATIVE = list(native_call.CELL_NUMBERS)


class Wrong(AssertionError):
    """A call had another end than it should."""


def numbers(rng: random.Random, *shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float32).to(dtype)


# Unusual, but right ------------------------------------------------------------------------------


def strided(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    wide = part.new_empty(*part.shape[:-1], part.shape[-1] * 2)
    wide[..., ::2] = part
    return wide[..., ::2]


def turned(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return part.t().contiguous().t() if part.dim() == 2 else strided(rng, part)


def shifted(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return torch.cat([part.new_zeros(1), part.flatten()])[1:].view(part.shape)


def constant(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return part.new_full((1,) * part.dim(), 0.25).expand(part.shape)


def poisoned(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    part = part.clone(memory_format=torch.contiguous_format)
    if part.numel():
        part.view(-1)[rng.randrange(part.numel())] = rng.choice([float("nan"), float("inf"), 1e30])
    return part


def negated(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return torch._neg_view(part)


def tracked(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return part.detach().clone().requires_grad_()


UNUSUAL = (strided, turned, shifted, constant, poisoned, negated, tracked)

# Wrong -------------------------------------------------------------------------------------------


def resized(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    shape = list(part.shape)
    place = rng.randrange(len(shape))
    shape[place] = rng.choice([n for n in (0, shape[place] - 1, shape[place] + 1) if n >= 0])
    if shape == list(part.shape):
        shape[place] += 1
    return part.new_zeros(shape)


def more_axes(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return part[None, None, None] if rng.random() < 0.5 else part.flatten()[None, None, None]


def huge_view(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return part.new_zeros(1).expand(rng.choice(HUGE[:1]), *part.shape[1:])


def other_type(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    types = [torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.complex64]
    return part.to(
        rng.choice([*types, torch.float64 if part.dtype == torch.float32 else torch.float32])
    )


def elsewhere(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return part.to("meta")


def sparse(rng: random.Random, part: torch.Tensor) -> torch.Tensor:
    return part.to_sparse()


def no_tensor(rng: random.Random, part: torch.Tensor) -> Any:
    return rng.choice([3, "x", [1.0], (), object(), float("nan")])


SPOILING = (resized, more_axes, huge_view, other_type, elsewhere, sparse, no_tensor)


def wrong_sizes(rng: random.Random, sizes: list[int]) -> Any:
    """Batch sizes that do not fit rows that were made for ``sizes``."""
    return rng.choice(
        [
            [*sizes, 1, 2],
            [*sizes, -1],
            [-1, *sizes],
            [sum(sizes) + 1],
            [rng.choice(HUGE), *sizes],
            [1, *[n + 1 for n in sizes]],
            torch.tensor([*sizes, 5], dtype=torch.float32) + 0.5,
            torch.tensor([[[7]]]),
            torch.tensor([sum(sizes) + 1], device="meta"),
            None,
            "12",
        ]
    )


# One call of each kind ---------------------------------------------------------------------------


class Draft:
    """A call in the making: tensors by name, and what was done to them."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.valid: bool | None = True  # None: either way
        self.done: list[str] = []
        self.cell = rng.choice(list(CELLS) if rng.random() < 0.3 else NATIVE)
        self.dtype = rng.choice([torch.float32, torch.float64])
        self.reverse = rng.random() < 0.5
        lengths = sorted(
            (rng.choice([0, 1, 2, 3, 7]) for _ in range(rng.randrange(9))), reverse=True
        )
        self.lengths = lengths
        self.sizes = [sum(n > t for n in lengths) for t in range(max(lengths, default=0))]
        self.D, self.H = rng.choice([0, 1, 3, 17]), rng.choice([1, 2, 5, 16, 35])
        self.parts: dict[str, Any] = {}

    def draw(self, **shapes: tuple[int, ...]) -> None:
        for name, shape in shapes.items():
            self.parts[name] = numbers(self.rng, *shape, dtype=self.dtype)

    def weights(self, input_size: int) -> None:
        rows = CELLS[self.cell].gate_count * self.H
        self.draw(w_ih=(rows, input_size), w_hh=(rows, self.H))
        if self.rng.random() < 0.7:
            self.draw(b_ih=(rows,), b_hh=(rows,))

    def spoil(self, strict: bool = False) -> None:
        """Nothing, something unusual, or something wrong."""
        rng = self.rng
        names = [name for name, part in self.parts.items() if isinstance(part, torch.Tensor)]
        for _ in range(rng.choice([0, 1, 2])):
            name, change = rng.choice(names), rng.choice(UNUSUAL)
            self.parts[name] = change(rng, self.parts[name])
            self.done.append(f"{change.__name__} {name}")
        if rng.random() < 0.6:
            name, change = rng.choice(names), rng.choice(SPOILING)
            part = self.parts[name].detach()
            if change is resized and (name in ("h", "h0") or part.dim() == 3):
                # More rows than the batch sizes say are empty rows, another T is another T.
                self.parts[name] = part.new_zeros(*part.shape[:-1], part.shape[-1] + 1)
            else:
                self.parts[name] = change(rng, part)
            self.done.append(f"{change.__name__} {name}")
            # torch's products take some sparse tensors; plain PyTorch may compute with them.
            self.valid = None if change is sparse and not strict else False

    @property
    def is_poisoned(self) -> bool:
        return any(what.startswith("poisoned") for what in self.done)


def operator(draft: Draft) -> Callable[[], Any]:
    """``ops.run``."""
    batch, states = len(draft.lengths), len(CELLS[draft.cell].state._fields)
    draft.draw(data=(sum(draft.sizes), draft.D), h=(batch, draft.H))
    if states > 1:
        draft.draw(c=(batch, draft.H))
    draft.weights(draft.D)
    draft.spoil()
    sizes: Any = draft.sizes if draft.rng.random() < 0.5 else torch.tensor(draft.sizes).long()
    if draft.rng.random() < 0.1:
        sizes = wrong_sizes(draft.rng, draft.sizes)
        draft.done.append(f"sizes {sizes}")
        draft.valid = False
    parts = draft.parts
    initial = [parts[name] for name in ("h", "c") if name in parts]
    if draft.rng.random() < 0.05:
        initial = draft.rng.choice([[], initial[:-1], [*initial, initial[0]], None, [None]])
        draft.done.append("number of states")
        draft.valid = False
    weights = CellWeights(*(parts.get(name) for name in ("w_ih", "w_hh", "b_ih", "b_hh")))

    def call():
        result = run(draft.cell, parts["data"], sizes, initial, weights, reverse=draft.reverse)
        return (result.output, *result.final)

    return call


def boundary(draft: Draft) -> Callable[[], Any]:
    """What stands before the C interface: ``native_call`` and the registered operator."""
    draft.cell = draft.rng.choice(NATIVE)
    batch = len(draft.lengths)
    draft.draw(x=(sum(draft.sizes), draft.D), h0=(batch, draft.H))
    if draft.cell == "lstm":
        draft.draw(c0=(batch, draft.H))
    draft.weights(draft.D)
    sizes: Any = torch.tensor(draft.sizes, dtype=torch.int64)
    registered = draft.rng.random() < 0.5
    late = draft.rng.random() < 0.5
    if late:
        draft.draw(d_output=(sum(draft.sizes), draft.H), d_h_n=(batch, draft.H))
        draft.draw(output=(sum(draft.sizes), draft.H))
        width = native_call.saved_width(draft.cell, draft.dtype, draft.H)
        draft.draw(saved=(sum(draft.sizes), width))
    draft.spoil(strict=True)
    if any(what.endswith(" saved") for what in draft.done) and (registered or draft.valid):
        # A workspace that is none is computed anew by the operator; a view of one may be refused.
        draft.valid = None
    if draft.rng.random() < 0.1:
        sizes = wrong_sizes(draft.rng, draft.sizes)
        draft.done.append(f"sizes {sizes}")
        draft.valid = False
    given = [draft.parts.get(name) for name in native_call.TENSORS]
    arrived = [draft.parts.get("d_output"), draft.parts.get("d_h_n")]
    wanted = [part is not None for part in given]

    def call():
        if registered:
            ops = torch.ops.sequela
            if not late:
                return ops.recurrent(draft.cell, sizes, draft.reverse, True, *given)[:2]
            kept = draft.parts["output"], draft.parts["saved"]
            rest = (*given, *kept, *arrived, None)
            ops.recurrent_backward(draft.cell, sizes, draft.reverse, wanted, *rest)
            return None
        layer = native_call.checked(draft.cell, sizes, draft.reverse, *given)
        if not late:
            return native_call.forward(layer, keep=draft.rng.random() < 0.5)[:2]
        kept = draft.parts["output"], draft.parts["saved"]
        native_call.backward(layer, *kept, [*arrived, None], wanted)
        return None

    return call


def module(draft: Draft, suffix: str, **options: Any) -> torch.nn.Module:
    """A layer, or with "Cell" a cell."""
    name, own = {
        "lstm": ("LSTM", {}),
        "gru_after": ("GRU", {}),
        "gru_before": ("GRU", {"reset_after": False}),
    }.get(draft.cell, ("RNN", {"nonlinearity": draft.cell.removeprefix("rnn_")}))
    draft.D = max(draft.D, 1)
    return getattr(nn, name + suffix)(draft.D, draft.H, dtype=draft.dtype, **options, **own)


def given_to(made: torch.nn.Module, parts: dict[str, Any]) -> Any:
    """Puts the drafted parameters into a module, past its checks; the initial state."""
    for name in [name for name in made._parameters if name in parts]:
        if not isinstance(parts[name], torch.Tensor):
            setattr(made, name, parts[name])
        else:
            made._parameters[name] = parts[name]
    return (parts["h"], parts["c"]) if "c" in parts else parts["h"]


def layer(draft: Draft) -> Callable[[], Any]:
    """``nn.RNN``, ``LSTM`` and ``GRU`` with lengths, masks and resets."""
    rng = draft.rng
    made = module(draft, "", batch_first=True)
    batch, steps = len(draft.lengths), rng.choice([1, 4, 8])
    draft.draw(x=(batch, steps, draft.D), h=(1, batch, draft.H))
    if draft.cell == "lstm":
        draft.draw(c=(1, batch, draft.H))
    draft.parts |= {name: part.detach() for name, part in made.named_parameters()}
    draft.spoil()
    given: dict[str, Any] = {}
    for name, chance in (("lengths", 0.4), ("mask", 0.3), ("reset", 0.3)):
        if rng.random() > chance:
            continue
        right = rng.random() < 0.8
        if name == "lengths":
            given[name] = [rng.randrange(steps + 1) for _ in range(batch)]
            if not right:
                given[name] = rng.choice(
                    [[steps + 1] * (batch + 1), [-1] * (batch or 1), "1", [0.5] * (batch or 1)]
                    + [[HUGE[1]] * (batch or 1)]
                )
        else:
            given[name] = torch.rand(batch, steps) < 0.5
            if not right:
                wrong = [torch.ones(batch + 1, steps), torch.ones(batch, steps), 3, "x"]
                given[name] = rng.choice([torch.ones(batch, steps + 1, dtype=torch.bool), *wrong])
        if not right:
            draft.valid = False
            draft.done.append(f"{name} {given[name]!r}")
    parts = draft.parts

    def call():
        hx = given_to(made, parts)
        output, final = made(parts["x"], hx, **given)
        return (output, *(final if isinstance(final, tuple) else (final,)))

    return call


def moved(draft: Draft) -> Callable[[], Any]:
    """``Padding``: what the lengths say is gathered, and scattered again."""
    rng = draft.rng
    first, steps, batch = rng.random() < 0.5, rng.choice([1, 4, 8]), len(draft.lengths)
    axes = (batch, steps) if first else (steps, batch)
    draft.draw(x=(*axes, max(draft.D, 1)))
    for _ in range(rng.choice([0, 1, 2])):
        change = rng.choice(UNUSUAL)
        draft.parts["x"] = change(rng, draft.parts["x"])
        draft.done.append(f"{change.__name__} x")
    lengths = [rng.randrange(steps + 1) for _ in range(batch)]
    if batch and rng.random() < 0.3:
        lengths[rng.randrange(batch)] = rng.choice([-1, steps + 1, *HUGE, -HUGE[2]])
        draft.done.append(f"lengths {lengths}")
        draft.valid = False
    x = draft.parts["x"]

    def call():
        padding = Padding(torch.tensor(lengths, dtype=torch.int64), steps, first)
        packed = padding.gather(x)
        return packed, padding.scatter(packed)

    return call


def cell(draft: Draft) -> Callable[[], Any]:
    """``nn.RNNCell``, ``LSTMCell`` and ``GRUCell``."""
    made = module(draft, "Cell")
    batch = len(draft.lengths)
    draft.draw(x=(batch, draft.D), h=(batch, draft.H))
    if draft.cell == "lstm":
        draft.draw(c=(batch, draft.H))
    draft.parts |= {name: part.detach() for name, part in made.named_parameters()}
    draft.spoil()
    parts = draft.parts

    def call():
        hx = given_to(made, parts)
        result = made(parts["x"], hx)
        return result if isinstance(result, tuple) else (result,)

    return call


KINDS = (operator, boundary, layer, cell, moved)


def compare(draft: Draft, call: Callable[[], Any], results: Any) -> None:
    with force("reference"):
        wanted = call()
    near = {"rtol": 1e-3, "atol": 1e-4} if draft.dtype == torch.float32 else {"rtol": 1e-9}
    near = {"atol": 1e-9, **near}
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
    if kind not in (boundary, moved) and not draft.is_poisoned:
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
