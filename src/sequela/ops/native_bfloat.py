"""The native backend in bfloat16: data and weights of 16 bits, sums of 32.

Without gradients the kernels multiply pairs of bfloat16 where the processor can. With gradients,
with options or elsewhere the float32 kernels compute: bfloat16 widens to float32 exactly, all
steps are float32, and results and gradients are rounded once. Both lie within 3e-3 of float32 (the
norm of the difference by the norm); they have different bits. Under autocast the data and weights
are rounded first, which costs some of that.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import torch
from torch import Tensor

from sequela.cells import CellWeights
from sequela.ops.call import Call, Result
from sequela.ops.native import library
from sequela.ops.native_layer import checked, describe, done

__all__ = ["forward", "has_pairs", "under_autocast", "widened"]


@functools.cache
def _library() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None
    loaded.sequela_has_bfloat16.restype = ctypes.c_int32
    loaded.sequela_forward_bfloat16.argtypes = [ctypes.c_void_p] * 4
    return loaded


def has_pairs() -> bool:
    """Whether the library multiplies pairs of bfloat16 here."""
    return bool(_library().sequela_has_bfloat16())


def forward(cell: str, sizes: Tensor, reverse: bool, *given: Tensor | None) -> tuple[Tensor, ...]:
    """All steps in bfloat16, without gradients.

    Args:
        cell: as the others, see :func:`sequela.ops.native_layer.checked`.
        sizes: see there.
        reverse: see there.
        given: see there, in bfloat16.

    Returns:
        ``output [N, H]``, ``h_n [B, H]`` and for the LSTM ``c_n [B, H]``.

    Raises:
        RuntimeError: something does not fit, or there is not enough memory.
    """
    layer = checked(cell, sizes, reverse, *given, types=(torch.bfloat16,))
    described = describe(layer)
    output = layer.x.new_empty(layer.x.shape[0], layer.w_hh.shape[1])
    final = [torch.empty_like(layer.h0) for _ in range(2 if cell == "lstm" else 1)]
    c_n = final[-1].data_ptr()
    addresses = (ctypes.addressof(described), output.data_ptr(), final[0].data_ptr(), c_n)
    done(_library().sequela_forward_bfloat16(*addresses))
    return output, *final


def widened(call: Call, run: Callable[[Call], Result]) -> Result:
    """The call computed in float32; what it returns is rounded to bfloat16.

    Args:
        call: in bfloat16.
        run: computes the call in float32.
    """
    result = run(_as(torch.float32, call))
    return Result(
        result.output.bfloat16(),
        tuple(part.bfloat16() for part in result.final),
        {name: part.bfloat16() for name, part in result.everything.items()},
    )


def under_autocast(call: Call, run: Callable[[Call], Result]) -> Result:
    """The call rounded to bfloat16, as autocast wants it; its results have torch's types.

    Args:
        call: in float32, bfloat16 or both.
        run: computes the call in bfloat16.
    """
    result = run(_as(torch.bfloat16, call))
    types = _autocast_types(call)
    return Result(
        result.output.to(types["h"]),
        tuple(
            part.to(types[name])
            for part, name in zip(result.final, call.cell.state._fields, strict=True)
        ),
        {name: part.to(types.get(name, types["c"])) for name, part in result.everything.items()},
    )


def _autocast_types(call: Call) -> dict[str, torch.dtype]:
    """Of h and c: bfloat16 as far as they are a product, else the type of what they carry on."""
    carried = torch.promote_types(torch.bfloat16, call.initial[0].dtype)
    facts = call.facts
    if call.cell.name.startswith("gru") or facts.zoneout:
        return {"h": carried, "c": carried}
    if call.cell.name != "lstm":
        return {"h": torch.bfloat16, "c": carried}
    half = {True: torch.bfloat16, False: carried}
    return {"h": half[facts.projection or not any(facts[3:])], "c": half[not any(facts[3:])]}


def _as(dtype: torch.dtype, call: Call) -> Call:
    weights = [None if part is None else part.to(dtype) for part in call.weights]
    return Call(
        call.cell,
        call.data.to(dtype),
        call.sizes,
        tuple(part.to(dtype) for part in call.initial),
        CellWeights(*weights),  # pyrefly: ignore [bad-argument-type]
        call.reverse,
        None if call.mask is None else call.mask.to(dtype),
        tuple(keep.to(dtype) if isinstance(keep, Tensor) else keep for keep in call.keep),
        call.everything,
    )
