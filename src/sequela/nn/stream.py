"""Streams longer than memory: truncated back-propagation, and recomputation with exact gradients.

Back-propagation through time keeps something for every step. Two ways out:

- :func:`truncated` cuts the gradient: every ``k1`` steps it is sent back through the last ``k2``
  ("BPTT(h; h')" of Williams & Peng 1990, h = k2 and h' = k1). The memory is that of ``k2`` steps,
  however long the stream is; the forward pass is the one of the whole stream.
- :func:`recomputed` and :func:`recomputed_loss` keep only the state every ``chunk`` steps and
  compute a chunk's forward pass again when its gradient is due (Chen 2016). The gradient is that of
  the whole stream; with ``chunk`` near the root of T the memory is too, for one more forward pass.

Both take any recurrent layer that reads forward, ours or torch's, and a dense input, time first or
``batch_first`` as the layer has it. A layer that draws recurrent dropout draws a mask per chunk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import get_device_states, set_device_states

from sequela.errors import ConfigError

__all__ = ["Piece", "recomputed", "recomputed_loss", "truncated"]


class Piece(NamedTuple):
    """What :func:`truncated` computed last.

    Args:
        start: the number of steps before this piece.
        output: of the piece's steps, shaped as the layer's; its graph reaches back k2 steps.
        state: after the piece, as the layer returns it, without a graph.
    """

    start: int
    output: Tensor
    state: Any


def _count(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(name, got=repr(value), wanted="a whole number of steps, at least 1")
    return value


def _time_axis(layer: Any) -> int:
    """Where time is, of a layer that can read a stream."""
    backwards = layer.bidirectional or getattr(layer, "go_backwards", False)
    if backwards or not getattr(layer, "return_sequences", True):
        raise ConfigError(
            type(layer).__name__,
            got="a layer that reads from the end or returns only the last step",
            wanted="one that reads forward and returns every step: a stream has no end yet",
        )
    if getattr(layer, "return_all_states", False):
        raise ConfigError("return_all_states", got="True", wanted="False: a stream keeps no states")
    return 1 if layer.batch_first else 0


def _map(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    return tuple(map(change, state)) if isinstance(state, tuple) else change(state)


def _pieces(stream: Tensor | Iterable[Tensor], steps: int, axis: int) -> Iterator[Tensor]:
    """The stream, which comes in parts of any length, in pieces of ``steps`` and a rest."""
    kept: list[Tensor] = []
    count = 0
    for part in [stream] if isinstance(stream, Tensor) else stream:
        begin, length = 0, part.shape[axis]
        while begin < length:
            taken = min(steps - count, length - begin)
            kept.append(part.narrow(axis, begin, taken))
            begin, count = begin + taken, count + taken
            if count == steps:
                yield kept[0] if len(kept) == 1 else torch.cat(kept, axis)
                kept, count = [], 0
    if kept:
        yield torch.cat(kept, axis)


def truncated(
    layer: Any, stream: Tensor | Iterable[Tensor], hx: Any = None, *, k1: int, k2: int | None = None
) -> Iterator[Piece]:
    """Runs a layer over a stream, with gradients that reach back at most ``k2`` steps.

    ::

        for piece in truncated(lstm, stream, k1=100):
            loss(piece.output, targets[piece.start :][:100]).backward()
            optimizer.step(), optimizer.zero_grad()

    The memory is that of ``k2`` steps, provided that each piece's loss is sent back (or dropped)
    before the next piece is asked for. With ``k2 > k1`` the ``k2 - k1`` steps before a piece are
    computed again with the weights of now, from the state that was reached back then; this costs
    ``k2 / k1`` forward passes.

    Args:
        layer: a recurrent layer that reads forward.
        stream: ``[T, B, D]`` (``[B, T, D]`` with ``batch_first``), or an iterable of such parts of
            any length, which is read as it is needed.
        hx: the initial state, as the layer takes it; zeros by default.
        k1: steps of a piece.
        k2: steps that a gradient passes, a multiple of k1; k1 by default.

    Yields:
        A :class:`Piece` for every k1 steps; the last may be shorter.

    Raises:
        ConfigError: k1 or k2 is no such number, or the layer cannot read a stream.
    """
    reach = _count("k2", _count("k1", k1) if k2 is None else k2)
    if reach % k1:
        raise ConfigError("k2", got=repr(k2), wanted=f"a multiple of k1, which is {k1}")
    return _truncated(layer, stream, hx, k1, reach // k1, _time_axis(layer))


def _truncated(
    layer: Any, stream: Any, hx: Any, k1: int, window: int, axis: int
) -> Iterator[Piece]:
    start = 0
    # The last pieces that a gradient passes, each with the state before it.
    inputs: list[Tensor] = []
    states = [None if hx is None else _map(hx, Tensor.detach)]
    for piece in _pieces(stream, k1, axis):
        inputs = [*inputs, piece][-window:]
        states = states[-window:]
        output, state = layer(torch.cat(inputs, axis) if len(inputs) > 1 else piece, states[0])
        own = output.shape[axis] - piece.shape[axis]
        states.append(_map(state, Tensor.detach))
        yield Piece(start, output.narrow(axis, own, piece.shape[axis]), states[-1])
        del output, state
        start += piece.shape[axis]


def recomputed(
    layer: Any, input: Tensor, hx: Any = None, *, chunk: int | None = None
) -> tuple[Tensor, Any]:
    """What ``layer(input, hx)`` returns, with its gradient, from the states between chunks.

    The output itself is there for all T steps; where that is too much, :func:`recomputed_loss`.

    Args:
        layer: a recurrent layer that reads forward.
        input: ``[T, B, D]``, or ``[B, T, D]`` with ``batch_first``; T at least 1.
        hx: the initial state, as the layer takes it; zeros by default.
        chunk: steps of a chunk; by default the root of T, rounded up, which needs the least memory.

    Raises:
        ConfigError: the chunk is no number of steps, or the layer cannot read a stream.
        RuntimeError: at the backward pass: the layer has other parameters than it had.
    """
    return _recomputed(layer, input, hx, chunk, None)


def recomputed_loss(
    layer: Any,
    input: Tensor,
    loss: Callable[[Tensor, int], Tensor],
    hx: Any = None,
    *,
    chunk: int | None = None,
) -> tuple[Tensor, Any]:
    """The sum of a loss over the chunks of a long input, and the final state.

    The loss is computed again too, so that no output outlives its chunk. It may have parameters of
    its own (a head); they are found on the first chunk, and get their gradients.

    Args:
        layer: a recurrent layer that reads forward.
        input: ``[T, B, D]``, or ``[B, T, D]`` with ``batch_first``; T at least 1.
        loss: ``loss(output, start)``, a scalar of a chunk's output; ``start`` is its first step.
        hx: the initial state, as the layer takes it; zeros by default.
        chunk: steps of a chunk; by default the root of T, rounded up.

    Raises:
        ConfigError: the chunk is no number of steps, or the layer cannot read a stream.
        RuntimeError: at the backward pass: the layer has other parameters than it had.
    """
    return _recomputed(layer, input, hx, chunk, loss)


class _Plan(NamedTuple):
    """How a long input is cut, and what its gradient reaches beside the input and the state."""

    layer: Any
    read: Callable[[Tensor, int], Tensor] | None
    axis: int
    starts: range
    steps: int
    parameters: list[Tensor]
    leaves: list[Tensor]

    def part(self, whole: Tensor, start: int) -> Tensor:
        return whole.narrow(self.axis, start, min(self.starts.step, self.steps - start))

    def compute(self, part: Tensor, start: int, state: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """A chunk's output, or its loss, and the parts of the state after it."""
        hx = None if not state else state[0] if len(state) == 1 else tuple(state)
        output, end = self.layer(part, hx)
        result = output if self.read is None else self.read(output, start)
        return result, *_parts(end)


def _parts(state: Any) -> tuple[Tensor, ...]:
    return () if state is None else state if isinstance(state, tuple) else (state,)


def _recomputed(
    layer: Any,
    input: Tensor,
    hx: Any,
    chunk: int | None,
    read: Callable[[Tensor, int], Tensor] | None,
) -> tuple[Tensor, Any]:
    axis = _time_axis(layer)
    steps = input.shape[axis]
    if steps == 0:
        raise ConfigError("input", got="no steps", wanted="at least one")
    length = math.ceil(math.sqrt(steps)) if chunk is None else _count("chunk", chunk)
    parameters = list(layer.parameters())
    plan = _Plan(layer, read, axis, range(0, steps, length), steps, parameters, [])
    leaves = [part for part in parameters if part.requires_grad]
    plan = plan._replace(leaves=[*leaves, *_leaves_of_loss(plan, input, _parts(hx))])
    result, *end = _Recomputed.apply(plan, input, len(_parts(hx)), *_parts(hx), *plan.leaves)
    return result, end[0] if len(end) == 1 else tuple(end)


def _leaves_of_loss(plan: _Plan, input: Tensor, state: tuple[Tensor, ...]) -> list[Tensor]:
    """The tensors, beside the output, that the loss of the first chunk has gradients for."""
    if plan.read is None or not torch.is_grad_enabled():
        return []
    with torch.random.fork_rng():
        with torch.no_grad():
            output, *_ = plan._replace(read=None).compute(plan.part(input, 0), 0, state)
        waiting, seen = [plan.read(output, 0).grad_fn], set()
    found: dict[int, Tensor] = {}
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found[id(node.variable)] = node.variable
        waiting += [following for following, _ in node.next_functions]
    own = {id(part) for part in plan.parameters}
    return [leaf for key, leaf in found.items() if key not in own]


class _Recomputed(torch.autograd.Function):
    """All chunks as one node: forward keeps only states, backward computes chunk by chunk."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, input: Tensor, count: int, *given: Tensor) -> Any:
        state, results = given[:count], []
        ctx.plan, ctx.states, ctx.random = plan, [], []
        ctx.autocast = _autocast(input.device.type)
        for start in plan.starts:
            ctx.states.append(state)
            ctx.random.append((torch.get_rng_state(), *get_device_states(input)))
            result, *state = plan.compute(plan.part(input, start), start, state)
            results.append(result)
        ctx.save_for_backward(input, *given)
        whole = torch.cat(results, plan.axis) if plan.read is None else torch.stack(results).sum()
        # The kept states must not be the returned ones, which a caller may change.
        return whole, *(part.clone() for part in state)

    @staticmethod
    @once_differentiable
    # pyrefly: ignore [bad-override]
    def backward(ctx: Any, of_result: Tensor, *of_state: Tensor) -> Any:
        plan = ctx.plan
        input, *_ = ctx.saved_tensors  # raises when one was changed meanwhile
        if [id(p) for p in plan.layer.parameters()] != [id(p) for p in plan.parameters]:
            raise RuntimeError(
                "recomputed: the layer has other parameters than at its forward pass"
            )
        wants_input = ctx.needs_input_grad[1]
        of_input = torch.empty_like(input) if wants_input else None
        total: list[Tensor | None] = [None] * len(plan.leaves)
        for index in reversed(range(len(plan.starts))):
            start = plan.starts[index]
            part = plan.part(input, start).detach().requires_grad_(wants_input)
            state = [each.detach().requires_grad_() for each in ctx.states[index]]
            late = plan.part(of_result, start) if plan.read is None else of_result
            with ctx.autocast():
                found = _chunk_gradient(
                    plan, part, start, state, (late, *of_state), ctx.random[index]
                )
            if of_input is not None:
                plan.part(of_input, start).copy_(_or_zeros(found[0], part))
            of_state = tuple(map(_or_zeros, found[1 : 1 + len(state)], state))
            for place, new in enumerate(found[1 + len(state) :]):
                old = total[place]
                total[place] = new if old is None else old if new is None else old + new
        return None, of_input, None, *of_state, *total


def _autocast(device: str) -> Callable[[], Any]:
    """Makes the context in which types are chosen as they are now."""
    if not torch.amp.is_autocast_available(device):
        return nullcontext
    return partial(
        torch.autocast,
        device,
        dtype=torch.get_autocast_dtype(device),
        enabled=torch.is_autocast_enabled(device),
        cache_enabled=torch.is_autocast_cache_enabled(),
    )


def _or_zeros(found: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if found is None else found


def _chunk_gradient(
    plan: _Plan,
    part: Tensor,
    start: int,
    state: list[Tensor],
    late: Sequence[Tensor],
    randomness: Any,
) -> Sequence[Tensor | None]:
    """Of a chunk's input, first state and all leaves, with the random numbers of the first time."""
    drawn, devices, states = randomness
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        torch.set_rng_state(drawn)
        set_device_states(devices, states)
        results = plan.compute(part, start, state)
    reached = [pair for pair in zip(results, late, strict=True) if pair[0].requires_grad]
    inputs = [each for each in (part, *state, *plan.leaves) if each.requires_grad]
    outputs, gradients = zip(*reached, strict=True)
    found = torch.autograd.grad(outputs, inputs, gradients, allow_unused=True)
    return found if part.requires_grad else (None, *found)
