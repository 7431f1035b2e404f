"""What random calls are made of: tensors that fit, tensors that only look unusual, wrong ones."""

from __future__ import annotations

import random
from typing import Any

import torch

from sequela.cells import CELLS
from sequela.ops import native_layer

__all__ = ["HUGE", "NATIVE", "Draft", "numbers", "places", "spoilt_places", "wrong_sizes"]

HUGE = (1 << 40, 1 << 62, (1 << 63) - 1)
TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
TYPES += (torch.int64, torch.bool, torch.complex64)
NATIVE = list(native_layer.CELL_NUMBERS)


def numbers(rng: random.Random, *shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float32).to(dtype)


def places(count: int, below: int) -> torch.Tensor:
    """Random rows of something that has ``below`` of them."""
    return torch.randint(0, max(below, 1), (count if below else 0,))


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
    return part.to(rng.choice([one for one in TYPES if one != part.dtype]))


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


def spoilt_places(rng: random.Random, part: torch.Tensor, below: int) -> torch.Tensor:
    """Rows that are none, or not as many as they should be, or no whole numbers."""
    changes = [
        lambda: torch.cat([part, part.new_zeros(1)]),
        lambda: part.new_zeros(len(part) + 1),
        lambda: part.double() + 0.5,
        lambda: part.int(),
        lambda: part.to("meta"),
        lambda: part[None],
        lambda: part.new_zeros(1).expand(HUGE[0]),
        lambda: "rows",
    ]
    if len(part):
        at = rng.randrange(len(part))
        outside = rng.choice([-1, below, *HUGE, -HUGE[2]])
        changes += [lambda: part.index_fill(0, torch.tensor([at]), outside)] * 6
        changes += [lambda: part[:-1], lambda: part[:0]]
    return rng.choice(changes)()


class Draft:
    """A call in the making: tensors by name, and what was done to them."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.valid: bool | None = True  # None: either way
        self.done: list[str] = []
        self.cell = rng.choice(list(CELLS) if rng.random() < 0.3 else NATIVE)
        self.dtype = rng.choice([torch.float32, torch.float64])
        if rng.random() < 0.1:
            self.dtype = torch.bfloat16
        self.reverse = rng.random() < 0.5
        self.D, self.H = rng.choice([0, 1, 3, 17]), rng.choice([1, 2, 5, 16, 35])
        self.P = self.H
        self.parts: dict[str, Any] = {}
        self.options: set[str] = set()
        self.row_of([rng.choice([0, 1, 2, 3, 7]) for _ in range(rng.randrange(9))])

    def row_of(self, lengths: list[int]) -> None:
        """Sets the lengths of the rows, and N."""
        self.lengths = sorted(lengths, reverse=True)
        self.batch = len(lengths)
        self.sizes = [sum(n > t for n in lengths) for t in range(max(lengths, default=0))]
        self.N = sum(self.sizes)

    def draw(self, **shapes: tuple[int, ...]) -> None:
        for name, shape in shapes.items():
            self.parts[name] = numbers(self.rng, *shape, dtype=self.dtype)

    def state(self, h: str, c: str) -> None:
        self.draw(**{h: (self.batch, self.P)})
        if self.cell == "lstm":
            self.draw(**{c: (self.batch, self.H)})

    def choose_options(self, chance: float = 0.4) -> None:
        rng = self.rng
        if rng.random() > chance:
            return
        known = ["norm_ih", "norm_hh", "mask", "keep", "rates", "everything"]
        known += ["w_hr", "w_peephole", "norm_c"] if self.cell == "lstm" else []
        self.options = set(rng.sample(known, rng.choice([1, 1, 2, 3, len(known)])))
        if "w_hr" in self.options:
            self.P = rng.randrange(1, self.H + 1)

    def weights(self) -> None:
        """All weights, and the masks."""
        rows = CELLS[self.cell].gate_count * self.H
        self.draw(w_ih=(rows, self.D), w_hh=(rows, self.P))
        if self.rng.random() < 0.7:
            self.draw(b_ih=(rows,), b_hh=(rows,))
        shapes = {"w_hr": (self.P, self.H), "w_peephole": (3, self.H), "norm_c": (self.H,)}
        shapes |= {"norm_ih": (rows,), "norm_hh": (rows,), "mask": (self.batch, self.P)}
        self.draw(**{name: shape for name, shape in shapes.items() if name in self.options})
        if "norm_c" in self.options and self.rng.random() < 0.5:
            self.draw(norm_c_bias=(self.H,))
        if "keep" in self.options:
            self.draw(keep_h=(self.N, self.P))
            if self.cell == "lstm" and self.rng.random() < 0.7:
                self.draw(keep_c=(self.N, self.H))
        for name in ("mask", "keep_h", "keep_c"):
            if name in self.parts:
                self.parts[name] = (self.parts[name] < 0).to(self.dtype)

    def rates(self) -> tuple[float, float]:
        """Zoneout of h and c as a probability."""
        if "rates" not in self.options:
            return 0.0, 0.0
        return self.rng.choice([0.0, 0.3, 1.0]), 0.2 if self.cell == "lstm" else 0.0

    def wrong_rates(self) -> tuple[Any, Any]:
        wrong = self.rng.choice([-0.5, 1.5, float("nan"), float("inf")])
        self.done.append(f"rate {wrong}")
        return wrong, 0.0

    def refuse(self, why: str, certain: bool = True) -> None:
        """From now on the call is a wrong one; uncertain: it may be refused."""
        self.done.append(why)
        if certain:
            self.valid = False
        elif self.valid:
            self.valid = None

    def spoil(
        self, strict: bool = False, width: tuple[str, ...] = (), spared: tuple[str, ...] = ()
    ) -> None:
        """Nothing, something unusual, or something wrong.

        Args:
            strict: whether sparse tensors are refused.
            width: the names of which only the last axis is bound.
            spared: what is not replaced by something that is no tensor, nor by a huge view.
        """
        rng = self.rng
        names = [name for name, part in self.parts.items() if isinstance(part, torch.Tensor)]
        for _ in range(rng.choice([0, 1, 2])):
            name, change = rng.choice(names), rng.choice(UNUSUAL)
            self.parts[name] = change(rng, self.parts[name])
            self.done.append(f"{change.__name__} {name}")
        if rng.random() < 0.6:
            name = rng.choice(names)
            part = self.parts[name].detach()
            known = [one for one in SPOILING if one not in (no_tensor, huge_view)]
            change = rng.choice(known if name in spared else SPOILING)
            if change is more_axes and name in width:
                change = other_type
            if change is resized and (name in width or part.dim() == 3):
                # More rows than the batch sizes say are empty rows, another T is another T.
                self.parts[name] = part.new_zeros(*part.shape[:-1], part.shape[-1] + 1)
            else:
                self.parts[name] = change(rng, part)
            # torch's products take some sparse tensors; plain PyTorch may compute with them.
            self.refuse(f"{change.__name__} {name}", strict or change is not sparse)

    @property
    def is_poisoned(self) -> bool:
        return any(what.startswith("poisoned") for what in self.done)

    @property
    def is_comparable(self) -> bool:
        """Whether plain PyTorch has nearly the same numbers: no rounding grows over the steps."""
        exact = self.dtype is torch.float64 or not self.options
        return exact and self.dtype is not torch.bfloat16 and not self.is_poisoned
