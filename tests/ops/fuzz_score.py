"""Random calls on the way from states to a score, of masks and of padded data; see ``fuzz.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tests.ops.fuzz_drafts import HUGE, UNUSUAL, Draft, places, spoilt_places

from sequela.ops import masks, native_score, reduce
from sequela.ops.linear import linear
from sequela.ops.padded import Padding

__all__ = ["bag", "drawn", "function", "moved", "pool", "product", "softmax"]

Call = Callable[[], Any]
PRECISE = (torch.float32, torch.float64)


def whole(draft: Draft) -> bool:
    """Draws whether the call goes through ``ops``, where torch computes what the library cannot."""
    if draft.dtype not in PRECISE:
        draft.dtype = torch.float32
    return draft.rng.random() < 0.5


def maybe_spoilt(draft: Draft, name: str, part: torch.Tensor, below: int) -> Any:
    if draft.rng.random() > 0.15:
        return part
    wrong = spoilt_places(draft.rng, part, below)
    # Of meta tensors torch makes meta tensors, whatever the numbers would be.
    odd = ("elsewhere", "resized x", "other_type", "more_axes", "huge_view")
    certain = not any(what.startswith(odd) for what in draft.done)
    draft.refuse(f"{name} {wrong if len(part) < 9 else type(wrong)}", certain)
    if not certain:
        draft.valid = None  # two wrongs may fit each other
    return wrong


def spoil_one(draft: Draft, by_torch: bool, width: tuple[str, ...]) -> None:
    """Tensors of which torch takes more kinds than the library."""
    before = draft.valid
    draft.spoil(strict=not by_torch, width=width)
    single = len(draft.parts) == 1 and any(what.startswith("other_type") for what in draft.done)
    if (by_torch or single) and before and draft.valid is False:
        draft.valid = None


def product(draft: Draft) -> Call:
    """``linear``."""
    by_ops = whole(draft)
    rows, outputs = draft.rng.choice([0, 1, 5, 40]), draft.rng.choice([0, 1, 7, 33])
    draft.draw(x=(rows, draft.D), weight=(outputs, draft.D))
    if draft.rng.random() < 0.6:
        draft.draw(bias=(outputs,))
    draft.spoil(strict=not by_ops, width=("x",))
    if "huge_view x" in draft.done and not draft.D * outputs:
        draft.valid = None  # of nothing there may be any number
    if "huge_view weight" in draft.done and not rows:
        draft.valid = None
    if "resized weight" in draft.done and (by_ops or "bias" not in draft.parts):
        draft.valid = None
    if by_ops and any(what.startswith("elsewhere") for what in draft.done):
        draft.valid = None  # torch's own linear takes a meta tensor beside others
    if by_ops and "resized bias" in draft.done:
        draft.valid = None  # and a bias of one number
    parts = draft.parts

    def call():
        compute = linear if by_ops else native_score.product
        return [compute(parts["x"], parts["weight"], parts.get("bias"))]

    return call


def rows_of(draft: Draft) -> tuple[Any, Any]:
    """The row of each step, and how many rows there are."""
    rng = draft.rng
    count = rng.choice([1, 3, 8])
    rows = maybe_spoilt(draft, "rows", places(draft.N, count), count)
    if rng.random() < 0.05:
        count = rng.choice([-1, HUGE[0], HUGE[2], 1.5, "x"])
        odd = any(what.startswith(("elsewhere", "resized x")) for what in draft.done)
        certain = draft.N > 0 and not odd
        draft.refuse(f"{count} rows", certain)
    return rows, count


def pool(draft: Draft) -> Call:
    """``row_sum`` and ``row_max``."""
    by_ops, kind = whole(draft), draft.rng.choice(["sum", "max"])
    draft.draw(x=(draft.N, max(draft.D, 1)))
    if kind == "sum" and draft.rng.random() < 0.5:
        draft.draw(weights=(draft.N,))
    # One value for each feature is as good as another number of features.
    spoil_one(draft, by_ops, ())
    if any(what.startswith("resized x") for what in draft.done):
        draft.valid = None if draft.valid is False else draft.valid
    rows, count = rows_of(draft)
    parts = draft.parts

    def call():
        x, weights = parts["x"], parts.get("weights")
        if not by_ops:
            return [native_score.pool(kind, x, rows, count, weights=weights)]
        if kind == "max":
            return [reduce.row_max(x, rows, count)]
        return [reduce.row_sum(x, rows, count, weights)]

    return call


def bag(draft: Draft) -> Call:
    """``bag_sum``."""
    by_ops, rng = whole(draft), draft.rng
    size, count = rng.choice([1, 4, 30]), rng.choice([0, 1, 9, 40])
    draft.draw(table=(size, max(draft.D, 1)))
    spoil_one(draft, by_ops, ("table",))
    if any(what.startswith(("resized", "huge_view")) for what in draft.done):
        draft.valid = None if draft.valid is False else draft.valid
    before, found = draft.valid, maybe_spoilt(draft, "places", places(count, size), size)
    if isinstance(found, torch.Tensor) and found.dtype is torch.int64 and found.is_cpu:
        if found.dim() == 1 and len(found) < 99 and ((found >= 0) & (found < size)).all():
            draft.valid = before and (None if len(found) != count else True)  # others, as good
    elif by_ops and draft.valid is False:
        draft.valid = None  # torch takes other kinds of numbers
    offsets, _ = torch.sort(places(rng.choice([1, 3, 8]), count + 1))
    offsets[0] = 0
    if rng.random() < 0.15:
        # What the library refuses torch may compute in its own way.
        draft.refuse("wrong offsets", certain=not by_ops)
        draft.valid = None if by_ops else False
        wrong = [offsets + 1, offsets.flip(0) + 1, offsets.int(), offsets.double(), offsets - 1]
        wrong += [offsets * 0 + HUGE[2], offsets[None], "x", offsets.to("meta")]
        offsets = rng.choice(wrong)
    parts = draft.parts

    def call():
        compute = reduce.bag_sum if by_ops else native_score.bag
        return [compute(parts["table"], found, offsets)]

    return call


def softmax(draft: Draft) -> Call:
    """``row_softmax``, ``softmax`` and ``log_softmax``."""
    by_ops, rng = whole(draft), draft.rng
    ragged = rng.random() < 0.6
    if not ragged:
        shape = (rng.choice([1, 2, 5]), rng.choice([1, 3, 40]))
        draft.draw(x=shape if by_ops else (shape[0] * shape[1],))
        spoil_one(draft, by_ops, ())
        if any(what.startswith(("resized", "huge_view")) for what in draft.done):
            draft.valid = None if draft.valid is False else draft.valid
        logarithm, count = rng.random() < 0.5, shape[0]
        if not by_ops and rng.random() < 0.1:
            count = rng.choice([-1, 0, HUGE[1], HUGE[2], shape[0] * shape[1] + 1, "x"])
            draft.refuse(f"{count} rows", certain=not draft.done)
        parts = draft.parts

        def dense():
            if by_ops:
                return [(reduce.log_softmax if logarithm else reduce.softmax)(parts["x"])]
            return [native_score.softmax(parts["x"], None, count, logarithm=logarithm)]

        return dense
    draft.draw(x=(draft.N,))
    spoil_one(draft, by_ops, ())
    rows, count = rows_of(draft)
    parts = draft.parts

    def by_row():
        compute = reduce.row_softmax if by_ops else native_score.softmax
        return [compute(parts["x"], rows, count)]

    return by_row


def function(draft: Draft) -> Call:
    """``exp``, ``sigmoid`` and ``tanh``."""
    by_ops, name = whole(draft), draft.rng.choice(["exp", "sigmoid", "tanh"])
    draft.draw(x=(draft.N, draft.D))
    spoil_one(draft, by_ops, ())
    if any(what.startswith(("resized", "more_axes", "huge_view")) for what in draft.done):
        draft.valid = None if draft.valid is False else draft.valid
    parts = draft.parts

    def call():
        if by_ops:
            return [getattr(reduce, name)(parts["x"])]
        return [native_score.elementwise(name, parts["x"])]

    return call


def drawn(draft: Draft) -> Call:
    """Random masks; torch draws the same."""
    rng = draft.rng
    whole(draft)
    given: dict[str, Any] = {
        "like": torch.empty(0, dtype=draft.dtype),
        "seed": torch.randint(0, 2**62, (1,)),
        "stream": rng.choice([0, 7, 2**32 - 1]),
        "rows": places(draft.N, 1 << 40),
        "steps": places(draft.N, 1 << 40),
        "width": rng.choice([0, 1, 16, 65]),
        "rate": rng.choice([0.0, 0.3, 1.0]),
        "values": (0.0, 2.0),
    }
    if rng.random() < 0.5:
        rows = given["rows"]
        other = [torch.cat([rows, rows[:1] * 0, rows.new_zeros(1)]), rows.double(), rows.int()]
        other += [rows[None], rows.to("meta"), rows.new_zeros(1).expand(HUGE[0]), "x", None]
        wrong = {
            "seed": [torch.zeros(2).long(), torch.zeros(1), torch.zeros(1).long().to("meta"), "x"],
            "stream": [-1, 2**32, HUGE[2], "x", 0.5],
            "rows": other,
            "steps": other,
            "width": [-1, HUGE[1], HUGE[2], 1.5, "x"],
            "rate": [-0.1, 1.5, float("nan"), float("inf"), "x"],
            "values": [(0.0,), (0.0, "x"), None],
        }
        name = rng.choice(list(wrong))
        given[name] = rng.choice(wrong[name])
        draft.refuse(f"{name} {given[name]!r}")

    def call():
        return [masks.draw(**given)]

    return call


def moved(draft: Draft) -> Call:
    """``Padding``: what the lengths say is gathered, and scattered again."""
    rng = draft.rng
    first, steps, batch = rng.random() < 0.5, rng.choice([1, 4, 8]), draft.batch
    axes = (batch, steps) if first else (steps, batch)
    draft.draw(x=(*axes, max(draft.D, 1)))
    for _ in range(rng.choice([0, 1, 2])):
        change = rng.choice(UNUSUAL)
        draft.parts["x"] = change(rng, draft.parts["x"])
        draft.done.append(f"{change.__name__} x")
    lengths = [rng.randrange(steps + 1) for _ in range(batch)]
    if batch and rng.random() < 0.2:
        lengths[rng.randrange(batch)] = rng.choice([-1, steps + 1, *HUGE, -HUGE[2]])
        draft.refuse(f"lengths {lengths}")
    x, given = draft.parts["x"], torch.tensor(lengths, dtype=torch.int64)
    if rng.random() < 0.1:
        given = rng.choice([given.double(), given.int(), given[None], given.to("meta"), "x"])
        draft.refuse("lengths of another kind", certain=batch > 0)
    rows = None
    if rng.random() < 0.3 and x.numel():
        wrong = [x[0], x[None], x.to("meta"), x.to(torch.complex64), x.new_zeros(1), 3]
        wrong += [torch.cat([x, x]), torch.cat([x, x], 1), x.new_zeros(1).expand(HUGE[0], *x.shape)]
        if rng.random() < 0.5:
            x = rng.choice(wrong)
            certain = not isinstance(x, torch.Tensor) or x.shape != draft.parts["x"].shape
            certain = certain or x.dtype is torch.complex64 or x.is_meta
            draft.refuse("other padded data", certain)
        else:
            rows = rng.choice([x, x[0, :0, 0], x.new_zeros(sum(lengths) % 99 + 1, 2), "x"])
            draft.refuse("other packed rows")

    def call():
        padding = Padding(given, steps, first)
        packed = padding.gather(x)
        return packed, padding.scatter(packed if rows is None else rows)

    return call
