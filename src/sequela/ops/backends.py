"""Who computes a call: one table, one choice, and the reason in words.

The rows are tried in this order, the plainest last; the first without an objection computes the
call. One can be forced by ``SEQUELA_BACKEND`` or, over that, by :func:`force`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch.autograd import forward_ad

from sequela.errors import ConfigError
from sequela.ops import aten, native_recurrent, reference
from sequela.ops.call import Call, Facts, Result, constant_when_compiled, describe

__all__ = [
    "BACKENDS",
    "VARIABLE",
    "Backend",
    "choose",
    "explain",
    "force",
    "forced",
    "is_direct",
    "is_free",
]

VARIABLE = "SEQUELA_BACKEND"


class Backend(NamedTuple):
    """One row of the table.

    Args:
        name: what it is forced by.
        reason: why it is taken when it can be.
        objection: says why it cannot compute a call, or None.
        run: computes a call with at least one step.
        checks: whether ``run`` refuses by itself what does not fit in a call.
    """

    name: str
    reason: str
    objection: Callable[[Facts], str | None]
    run: Callable[[Call], Result] | None
    checks: Callable[[Call], bool] = lambda _: False


BACKENDS = {
    row.name: row
    for row in (
        Backend(
            "native",
            "our own kernels compute this call, with the same bits whatever the batch",
            native_recurrent.objection,
            native_recurrent.run,
            native_recurrent.checks,
        ),
        Backend(
            "cuda",
            "our own kernels compute this call",
            lambda facts: "its recurrent kernels are not part of this version",
            None,
        ),
        Backend("aten", "torch's own kernels compute this call", aten.objection, aten.run),
        Backend("reference", "plain PyTorch, step by step", reference.objection, reference.run),
    )
}

_forced: ContextVar[str | None] = ContextVar("sequela_backend", default=None)

_is_recorded = torch._C._is_tracing  # by torch.jit
_is_cast = torch._C._is_any_autocast_enabled  # quicker than the question about one device
_peek, _count_modes = torch._C._functorch.peek_interpreter_stack, torch._C._len_torch_dispatch_stack

# What os.environ keeps: its own `get` takes a microsecond, most of it for an error that it raises
# and catches where there is no such variable, and every call asks.
_environment: Any = getattr(os.environ, "_data", None)
_KEY = os.environ.encodekey(VARIABLE)


def _variable() -> str | None:
    if _environment is None:
        return os.environ.get(VARIABLE)
    return os.environ[VARIABLE] if _KEY in _environment else None


def _by_name(name: str, where: str) -> Backend:
    if name not in BACKENDS:
        raise ConfigError(
            where, got=repr(name), wanted=f"one of {', '.join(BACKENDS)}", todo="Correct the name."
        )
    return BACKENDS[name]


@contextmanager
def force(name: str | None) -> Iterator[None]:
    """Within this context every call is computed by one backend; None leaves the choice free.

    Raises:
        ConfigError: the name is unknown; and, at a call, the backend cannot compute it.
    """
    if name is not None:
        _by_name(name, "ops.force")
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


# torch.compile cannot read these two: what they say while it traces holds for what it compiled.
@constant_when_compiled
def _named_by_context() -> str | None:
    return _forced.get()


@constant_when_compiled
def _named_by_environment() -> str | None:
    return _variable()


def _forced_backend() -> tuple[Backend, str] | None:
    name = _named_by_context()
    if name is not None:
        return BACKENDS[name], "forced by ops.force"
    name = _named_by_environment()
    return (_by_name(name, VARIABLE), f"forced by {VARIABLE}") if name else None


def is_free() -> bool:
    """Whether nothing forces a backend."""
    return _forced.get() is None and not _variable()


def is_direct() -> bool:
    """Whether a call may go to the library past all choices.

    It may not where something traces, transforms, casts or forces: that needs torch's operators.
    """
    # First, so that a compiler reads no further than this line.
    return not (
        torch.compiler.is_compiling()
        or _is_recorded()
        or _peek() is not None
        or _count_modes() > 0
        or _is_cast()
        or forward_ad._current_level >= 0
        or _forced.get() is not None
        or _variable()
    )


def forced() -> str | None:
    """The name of the backend that every call must be computed by, or None.

    Raises:
        ConfigError: the environment variable holds an unknown name.
    """
    found = _forced_backend()
    return None if found is None else found[0].name


def choose(facts: Facts) -> Backend:
    """The backend for a call.

    Raises:
        ConfigError: the forced backend cannot compute it.
    """
    wanted = _forced_backend()
    if wanted is None:
        for row in BACKENDS.values():
            if row.objection(facts) is None:
                return row
        raise AssertionError("the reference computes every call")
    row, how = wanted
    objection = row.objection(facts)
    if objection is not None:
        raise ConfigError(
            f"backend '{row.name}', {how}, cannot compute {describe(facts)}",
            got=objection,
            todo="Force 'reference', which computes everything, or nothing.",
        )
    return row


def explain(
    cell: str,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    projection: bool = False,
    peephole: bool = False,
    layer_norm: bool = False,
    recurrent_dropout: bool = False,
    zoneout: bool = False,
    everything: bool = False,
) -> str:
    """Says in words who would compute a call, why, and why not the faster ones.

    Args:
        cell: ``rnn_tanh``, ``rnn_relu``, ``rnn_sigmoid``, ``lstm``, ``gru_after``, ``gru_before``.
        device: the type of the device ("cpu", "cuda").
        dtype: of data and weights.
        projection: whether the call has each of these options, as the following arguments.
        peephole: see ``projection``.
        layer_norm: see ``projection``.
        recurrent_dropout: see ``projection``; in training only.
        zoneout: see ``projection``.
        everything: whether every state and gate is returned.

    Raises:
        ConfigError: the forced backend is unknown or cannot compute such a call.
    """
    facts = Facts(
        cell,
        device,
        dtype,
        projection,
        peephole,
        layer_norm,
        recurrent_dropout,
        zoneout,
        everything,
    )
    chosen = choose(facts)
    wanted = _forced_backend()
    if wanted is not None:
        return f"{describe(facts)}: {chosen.name}, {wanted[1]}."
    passed = []
    for row in BACKENDS.values():
        if row is chosen:
            break
        passed.append(f"{row.name} not: {row.objection(facts)}")
    reasons = "; ".join([f"because {chosen.reason}", *passed])
    return f"{describe(facts)}: {chosen.name}, {reasons}."
