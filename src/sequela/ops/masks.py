"""Random masks from counters: a value depends on the seed, the row, the step and the unit alone.

Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
by the native library or, with the same bits, by torch. Neither threads nor the order in which rows
are packed change a mask.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from sequela.ops.native import library
from sequela.ops.native_layer import PRECISIONS, done
from sequela.ops.native_recurrent import is_traced

__all__ = ["draw", "draw_seed", "philox"]

_WORD = 0xFFFFFFFF


class _Masks(ctypes.Structure):
    """``struct sequela_masks``."""

    _fields_ = (
        ("precision", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("stream", ctypes.c_uint32),
        ("seed", ctypes.c_uint64),
        *((name, ctypes.c_double) for name in ("rate", "below", "above")),
        *((name, ctypes.c_int64) for name in ("count", "width")),
        *((name, ctypes.c_void_p) for name in ("rows", "steps")),
    )


def draw_seed() -> Tensor:
    """A seed ``[1]``, int64, from torch's default generator, so that a resumed run has it again."""
    return torch.randint(0, 2**63 - 1, (1,), dtype=torch.int64, device="cpu")


def philox(counter: tuple[Tensor, ...], seed: Tensor) -> tuple[Tensor, ...]:
    """The four words of each block, int64 tensors with 32 bits in use.

    Args:
        counter: four words, int64, of shapes that broadcast.
        seed: int64; its halves are the key.
    """
    a, b, c, d = torch.broadcast_tensors(*counter)
    low, high = seed & _WORD, (seed >> 32) & _WORD
    for _ in range(10):
        first, second = a * 0xD2511F53, c * 0xCD9E8D57  # modulo 2^64, which is enough
        a = ((second >> 32) & _WORD) ^ b ^ low
        c = ((first >> 32) & _WORD) ^ d ^ high
        b, d = second & _WORD, first & _WORD
        low, high = (low + 0x9E3779B9) & _WORD, (high + 0xBB67AE85) & _WORD
    return a, b, c, d


def draw(
    like: Tensor,
    seed: Tensor,
    stream: int,
    rows: Tensor,
    steps: Tensor,
    width: int,
    rate: float,
    values: tuple[float, float],
) -> Tensor:
    """A mask ``[count, width]``.

    Args:
        like: gives the type and the device.
        seed: int64 ``[1]``.
        stream: tells the masks of one seed apart, from 0 to 2^32 - 1.
        rows: int64 ``[count]``, which row of the batch each one is.
        steps: int64 ``[count]``, which step.
        width: the units.
        rate: the probability of the first value.
        values: what is drawn: with probability ``rate`` the first, else the second.

    Raises:
        RuntimeError: something does not fit, or is out of range.
    """
    if not is_traced() and like.is_cpu and like.dtype in PRECISIONS and library() is not None:
        return _drawn_natively(like, seed, stream, rows, steps, width, rate, values)
    groups = -(-width // 64)
    blocks = torch.arange(groups * 16, device=like.device)
    counter = (blocks, steps[:, None], rows[:, None], torch.full_like(blocks, stream))
    words = torch.stack(
        [word.unflatten(1, (groups, 16)) for word in philox(counter, seed.to(like.device))], 2
    )
    below = words.flatten(1)[:, :width] < int(rate * 2**32 + 0.5)
    first, second = (
        torch.full((), value, dtype=like.dtype, device=like.device) for value in values
    )
    return torch.where(below, first, second)


def _check(seed: Tensor, stream: int, rows: Tensor, steps: Tensor, width: int, rate: float) -> None:
    for name, part in (("rows", rows), ("steps", steps)):
        if part.dtype is not torch.int64 or part.dim() != 1 or part.shape != rows.shape:
            raise RuntimeError(
                f"native: {name} must be int64 {list(rows.shape[:1])}, got {part.dtype} "
                f"{list(part.shape)}"
            )
        if not part.is_cpu or part.layout is not torch.strided:
            raise RuntimeError(f"native: {name} must be dense on the CPU, got {part.device}")
    if seed.dtype is not torch.int64 or seed.numel() != 1:
        raise RuntimeError(f"native: the seed must be int64 [1], got {seed.dtype}")
    if not (0 <= stream <= _WORD and width >= 0 and 0 <= rate <= 1):
        raise RuntimeError(f"native: out of range: stream {stream}, width {width} or rate {rate}")


def _drawn_natively(
    like: Tensor,
    seed: Tensor,
    stream: int,
    rows: Tensor,
    steps: Tensor,
    width: int,
    rate: float,
    values: tuple[float, float],
) -> Tensor:
    loaded = library()
    assert loaded is not None
    loaded.sequela_draw.argtypes = [ctypes.c_void_p] * 2
    _check(seed, stream, rows, steps, width, rate)
    rows, steps = (part.contiguous().resolve_neg() for part in (rows, steps))
    (below, above), out = values, like.new_empty(rows.shape[0], width)
    described = _Masks(
        PRECISIONS[like.dtype],
        torch.get_num_threads(),
        stream,
        int(seed),
        rate,
        below,
        above,
        rows.shape[0],
        width,
        rows.data_ptr() or None,
        steps.data_ptr() or None,
    )
    done(loaded.sequela_draw(ctypes.addressof(described), out.data_ptr() or None))
    return out
