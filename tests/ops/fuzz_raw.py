"""Random calls of the C functions with a number or a pointer that cannot be; see ``fuzz.py``.

Only what the library can see is spoilt: it trusts the sizes of what its pointers lead to.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tests.ops.fuzz_drafts import HUGE, NATIVE, Draft, places

from sequela.cells import CELLS, CellWeights
from sequela.ops import masks, native_call, native_layer, native_score, native_step, padded, stack
from sequela.ops.native import library

__all__ = ["raw"]

IMPOSSIBLE = (-1, *HUGE[1:])
# What each number of a structure cannot be.
NUMBERS: dict[str, Sequence[Any]] = {
    **dict.fromkeys("NBDHPFVMT", IMPOSSIBLE),
    **dict.fromkeys(("bytes", "row_stride", "step_stride", "count", "width"), IMPOSSIBLE),
    "cell": (-1, 5),
    "precision": (-1, 2),
    "pooling": (-1, 2),
    "rate": (-0.5, 1.5, float("nan")),
    "zoneout_h": (-0.5, 1.5, float("nan")),
}


class Missing(RuntimeError):
    """The library refused, as it should."""


def asked(code: int) -> None:
    if code:
        raise Missing(f"status {code}")


def spoil(rng: random.Random, draft: Draft, made: ctypes.Structure, pointers: Sequence[str]) -> Any:
    """One field of a structure."""
    names = [name for name, *_ in made._fields_ if name in NUMBERS] + list(pointers)
    name = rng.choice(names)
    value = None if name in pointers else rng.choice(NUMBERS[name])
    setattr(made, name, value)
    draft.refuse(f"{name} {value}")


def spoil_words(
    rng: random.Random, draft: Draft, words: list[Any], numbers: Sequence[int], wrong: Any
) -> None:
    """One of a function's arguments."""
    place = rng.choice(numbers)
    words[place] = None if wrong is None else rng.choice(wrong)
    draft.refuse(f"argument {place} {words[place]}")


def recurrent(draft: Draft) -> Callable[[], Any]:
    """The layer's own functions."""
    rng, loaded = draft.rng, native_call._library()
    draft.row_of([3, 2, 2])
    draft.D, draft.dtype = max(draft.D, 1), rng.choice([torch.float32, torch.float64])
    draft.cell = rng.choice(NATIVE)
    draft.draw(x=(draft.N, draft.D))
    draft.state("h0", "c0")
    draft.weights()
    given = [draft.parts.get(name) for name in native_layer.EVERY_TENSOR]
    layer = native_layer.checked(draft.cell, torch.tensor(draft.sizes), False, *given)
    described = native_layer.describe(layer)
    output, *final, saved = native_call.forward(layer, keep=True)
    spoilt = rng.random() < 0.7
    name = rng.choice(["saved", "forward", "backward", "bytes", "pack", "step", "half"])
    if spoilt and name in ("saved", "bytes", "pack", "step"):
        wrong = rng.choice([("cell", 5), ("precision", 2), ("H", -1), ("D", HUGE[2])])
        setattr(described, *wrong)
        draft.refuse(f"{name} {wrong}")
    elif spoilt:
        needed = ["batch_sizes", "x", "w_ih", "w_hh"]
        spoil(rng, draft, described, needed)
        if name == "half" and draft.done[-1].startswith("precision"):
            draft.valid = None  # not read
    address, late = ctypes.addressof(described), native_call._Gradients()
    short, _, more = native_step._functions()
    packed = torch.empty(1 << 17, dtype=torch.uint8)
    at = packed.data_ptr() + -packed.data_ptr() % 64
    if name == "half":
        draft.refuse("no bfloat16", certain=False)  # float32 is read as if it were
    bits = torch.empty(draft.N, draft.P)  # of four bytes where two are written

    # Their addresses are all that the call has of them.
    def call(kept: Any = (layer, described, late, output, saved, packed, bits, final)):
        if name == "saved":
            return asked(min(loaded.sequela_saved_bytes(address), 0))
        if name == "forward":
            return asked(loaded.sequela_forward(address, output.data_ptr(), None, None, None, None))
        if name == "backward":
            last = saved.data_ptr(), ctypes.addressof(late)
            return asked(loaded.sequela_backward(address, output.data_ptr(), *last))
        if name == "bytes":
            return asked(min(more.sequela_packed_bytes(address), 0))
        if name == "half":
            entry = library().sequela_forward_bfloat16
            entry.argtypes = [ctypes.c_void_p] * 4
            return asked(entry(address, bits.data_ptr(), None, None))
        if more.sequela_packed_bytes(address) <= 1 << 16 or spoilt:
            asked(more.sequela_pack(address, at))
            if name == "step":
                rest = (layer.x.data_ptr(), None, None, output.data_ptr(), None, None)
                return asked(short(address, at, 3, *rest))
        return None

    return call


def stacked(draft: Draft) -> Callable[[], Any]:
    """``sequela_forward_stack``, two layers of two directions."""
    rng, draft.dtype = draft.rng, torch.float32
    draft.cell, hidden = rng.choice(NATIVE), rng.choice([1, 5, 20])
    gates = CELLS[draft.cell].gate_count * hidden
    rows = [
        CellWeights(torch.randn(gates, size), torch.randn(gates, hidden), None, None)
        for size in (3, 3, 2 * hidden, 2 * hidden)
    ]
    passes = stack.Passes(draft.cell, rows, 2, False, (0.0, 0.0))
    sizes = torch.tensor([4, 4, 4])
    table = rng.choice([sizes.data_ptr(), None])
    x, out = torch.randn(12, 3), torch.empty(12, 2 * hidden)
    final = torch.empty(4, 4, hidden), torch.empty(4, 4, hidden)
    ends = [out.data_ptr(), *(part.data_ptr() for part in final)]
    words = [passes._pointer, 2, 2, 1, 12, 3, 4, table, x.data_ptr(), None, None, *ends]
    if rng.random() < 0.7:
        wrong = [((4, 5, 6), IMPOSSIBLE), ((0, 8, 11), None), ((1, 2), (0, -1)), ((2,), (3, 1))]
        spoil_words(rng, draft, words, *rng.choice(wrong))
        if words[5] != 3 and table:  # more steps than there are sizes: the library cannot see it
            words[5] = -1
    call = rng.choice(stack._functions())
    return lambda kept=(passes, sizes, x, out, final): asked(call(*words))


def padding(draft: Draft) -> Callable[[], Any]:
    """``sequela_sort_lengths``, ``sequela_gather`` and ``sequela_scatter``."""
    rng, loaded = draft.rng, padded._library()
    lengths, memory = torch.tensor([2, 0, 3]), torch.empty(64, dtype=torch.int64)
    if rng.random() < 0.3:
        words = [3, 4, lengths.data_ptr(), *(memory[n:].data_ptr() for n in (0, 9, 19, 29))]
        if rng.random() < 0.7:
            spoil_words(rng, draft, words, *rng.choice([((0, 1), IMPOSSIBLE), (range(2, 7), None)]))
        return lambda kept=(lengths, memory): asked(loaded.sequela_sort_lengths(*words))
    x, rows = torch.randn(3, 4, 6), torch.randn(5, 6)
    made = padded._Padding(1, 3, 4, 5, 24, 96, 24, lengths.data_ptr())
    scatters = rng.random() < 0.5
    ends = [rows.data_ptr(), x.data_ptr()] if scatters else [x.data_ptr(), rows.data_ptr()]
    if rng.random() < 0.7:
        if rng.random() < 0.3:
            spoil_words(rng, draft, ends, (0, 1), None)
        else:
            spoil(rng, draft, made, ["lengths"])
    move = loaded.sequela_scatter if scatters else loaded.sequela_gather
    kept = (made, lengths, x, rows)
    return lambda kept=kept: asked(move(ctypes.addressof(made), *ends))


def masked(draft: Draft) -> Callable[[], Any]:
    """``sequela_draw``."""
    rng, loaded = draft.rng, library()
    rows, out = places(5, 9), torch.empty(5, 70)
    ends = (rows.data_ptr(), rows.data_ptr())
    made = masks._Masks(0, 1, 3, 77, 0.4, 0.0, 1.0, 5, 70, *ends)
    if rng.random() < 0.7:
        spoil(rng, draft, made, ["rows", "steps"])
    loaded.sequela_draw.argtypes = [ctypes.c_void_p] * 2
    kept = (made, rows, out)
    return lambda kept=kept: asked(loaded.sequela_draw(ctypes.addressof(made), out.data_ptr()))


def score(draft: Draft) -> Callable[[], Any]:
    """All of ``score.h``, and ``sequela_elementwise``."""
    rng, loaded = draft.rng, native_score._library()
    x, w, y, rows = torch.randn(5, 6), torch.randn(7, 6), torch.empty(5, 7), places(5, 3)
    (a, b, to), places_of = (part.data_ptr() for part in (x, w, y)), rows.data_ptr()
    spoilt = rng.random() < 0.7
    name = rng.choice(["linear", "pool", "bag", "softmax", "elementwise"])
    if name in ("pool", "bag"):
        made, offsets = native_score._Pool(0, 0, 1, 5, 3, 6, places_of, None, a), None
        pointers = ["rows", "x"]
        if name == "bag":
            offsets = torch.tensor([0, 0, 4])
            made = native_score._Bag(0, 1, 3, 5, 6, 7, offsets.data_ptr(), places_of, b)
            pointers = ["offsets", "places", "table"]
        if spoilt:
            spoil(rng, draft, made, pointers)
        function = getattr(loaded, f"sequela_{name}")
        kept = (x, w, y, rows, made, offsets)
        return lambda kept=kept: asked(function(ctypes.addressof(made), to))
    words, numbers, pointers = {
        "linear": ([0, 1, 5, 6, 7, a, b, None, to], (2, 3, 4), (5, 6, 8)),
        "softmax": ([0, 0, 5, 3, places_of, a, to], (2, 3), (5, 6)),
        "elementwise": ([0, 0, 30, a, to], (2,), (3, 4)),
    }[name]
    if spoilt:
        wrong = [(pointers, None), (numbers, (-1,))]
        wrong += [((1,) if name == "elementwise" else (0,), (-1, 2))]
        wrong += [] if name == "elementwise" else [(numbers, IMPOSSIBLE)]
        spoil_words(rng, draft, words, *rng.choice(wrong))
    function = getattr(loaded, f"sequela_{name}")
    return lambda kept=(x, w, y, rows): asked(function(*words))


def raw(draft: Draft) -> Callable[[], Any]:
    """One of the C functions."""
    return draft.rng.choice([recurrent, recurrent, stacked, padding, masked, score])(draft)
