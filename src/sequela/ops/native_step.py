"""Single steps by the native library: weights packed once, and used until one of them changes.

A step of one row takes the processor a few microseconds, and so do torch's operators on the way to
it. Hence a way of its own: no operator but the making of the results, no copy of anything.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sequela.cells import CellWeights
from sequela.ops.native import library
from sequela.ops.native_layer import Layer, checked, describe, done

__all__ = ["SHORT", "PackedWeights"]

_STALE = 6
# Multiply-adds of about a tenth of a millisecond: above, other threads of Python may run meanwhile;
# below, waiting for them afterwards would cost more than the step.
SHORT = 4_000_000


@functools.cache
def _functions() -> tuple[Callable[..., int], Callable[..., int], ctypes.CDLL]:
    """``sequela_step`` that keeps Python's lock, the same that gives it away, and the library."""
    loaded = library()
    assert loaded is not None
    loaded.sequela_packed_bytes.argtypes = [ctypes.c_void_p]
    loaded.sequela_packed_bytes.restype = ctypes.c_int64
    loaded.sequela_pack.argtypes = [ctypes.c_void_p] * 2
    holding = ctypes.PyDLL(loaded._name, handle=loaded._handle)
    for handle in (loaded, holding):
        pointers = [ctypes.c_void_p] * 6
        handle.sequela_step.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int64, *pointers]
    return holding.sequela_step, loaded.sequela_step, loaded


class PackedWeights:
    """One layer's weights, packed.

    Args:
        cell: ``rnn_tanh``, ``rnn_relu``, ``lstm``, ``gru_after`` or ``gru_before``.
        weights: ``w_ih``, ``w_hh``, ``b_ih`` and ``b_hh`` only.

    Raises:
        RuntimeError: the weights do not fit each other, or the library cannot read them.
    """

    def __init__(self, cell: str, weights: CellWeights):
        self.cell = cell
        given = weights[:4]
        # What is kept here cannot be freed, so no later tensor can have the same address.
        kept = [None if part is None else part.detach() for part in given]
        # Tensors of inference mode count no changes; they are never known again.
        self._can_be_seen = not any(part is not None and part.is_inference() for part in given)
        self._seen = [
            (part, 0, 0) if part is None else (part, part.data_ptr(), part._version)
            for part in given
            if self._can_be_seen
        ]
        w_ih, w_hh = weights.w_ih, weights.w_hh
        assert w_ih is not None
        self.dtype, self.size, self.hidden = w_hh.dtype, w_ih.shape[1], w_hh.shape[1]
        none = w_hh.new_empty(0, self.hidden, dtype=self.dtype)
        c0 = none if cell == "lstm" else None
        x = none.new_empty(0, self.size)
        sizes = torch.zeros(0, dtype=torch.int64, device="cpu")
        self._layer: Layer = checked(cell, sizes, False, x, none, c0, *kept)
        # A change of what had to be copied first would never show in the copy.
        copied = zip(self._layer[6:10], kept, strict=True)
        if any(part is not one for part, one in copied):
            self._can_be_seen, self._seen = False, []
        self._described = describe(self._layer)
        self._pointer = ctypes.addressof(self._described)
        self._threads = torch.get_num_threads()
        self._short, self._long, loaded = _functions()
        count = loaded.sequela_packed_bytes(self._pointer)
        done(-count if count < 0 else 0)
        self._memory = torch.empty(count, dtype=torch.uint8, device="cpu")
        self._packed = self._memory.data_ptr()
        done(loaded.sequela_pack(self._pointer, self._packed))
        self._most_rows = SHORT // max(w_ih.numel() + w_hh.numel(), 1)

    def fits(self, weights: Sequence[Tensor | None]) -> bool:
        """Whether these are the tensors that were packed, unchanged since."""
        for part, (given, address, version) in zip(weights, self._seen):  # noqa: B905
            if part is not given:
                return False
            if part is not None and (part._version != version or part.data_ptr() != address):
                return False
        return self._can_be_seen

    def step(
        self,
        rows: int,
        x: int,
        h0: int | None,
        c0: int | None,
        out: int,
        h_n: int | None,
        c_n: int | None,
    ) -> bool:
        """One step of ``sequela_step``, by addresses; ``c_n`` may be ``c0`` and ``h_n`` ``h0``.

        Returns:
            Whether it was done; False when the weights are no longer those that were packed.
        """
        threads = torch.get_num_threads()
        if threads != self._threads:
            self._threads = self._described.threads = threads
        run = self._short if rows <= self._most_rows else self._long
        code = run(self._pointer, self._packed, rows, x, h0, c0, out, h_n, c_n)
        if code == _STALE:
            return False
        done(code)
        return True
