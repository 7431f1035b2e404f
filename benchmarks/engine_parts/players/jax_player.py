"""JAX: ``lax.scan`` under ``jit``, the input product done for all steps before it.

Lengths hold the state and give zeros beyond the end; every row has T steps all the same. The output
stays time first, as the scan makes it and as ours lies behind its view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from engine_parts.players import Unsupported
from engine_parts.problem import Problem, checksum, valid

Array = Any
State = tuple[Array, ...]


def start(threads: int) -> None:
    """Nothing: it takes the processors that the process may use."""
    jax.config.update("jax_platforms", "cpu")


def versions() -> dict[str, str]:
    """The version that ran."""
    return {"jax": jax.__version__}


def _rnn(a: Array, state: State, weights: dict[str, Array]) -> State:
    return (jnp.tanh(a + state[0] @ weights["w_hh"] + weights["b_hh"]),)


def _lstm(a: Array, state: State, weights: dict[str, Array]) -> State:
    h, c = state
    i, f, g, o = jnp.split(a + h @ weights["w_hh"] + weights["b_hh"], 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def _gru_after(a: Array, state: State, weights: dict[str, Array]) -> State:
    h = state[0]
    r_x, z_x, n_x = jnp.split(a, 3, axis=-1)
    r_h, z_h, n_h = jnp.split(h @ weights["w_hh"] + weights["b_hh"], 3, axis=-1)
    r, z = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
    n = jnp.tanh(n_x + r * n_h)
    return ((1 - z) * n + z * h,)


def _gru_before(a: Array, state: State, weights: dict[str, Array]) -> State:
    h, size = state[0], state[0].shape[-1]
    w_hh, b_hh = weights["w_hh"], weights["b_hh"]
    r_x, z_x, n_x = jnp.split(a, 3, axis=-1)
    r_h, z_h = jnp.split(h @ w_hh[:, : 2 * size] + b_hh[: 2 * size], 2, axis=-1)
    r, z = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
    n = jnp.tanh(n_x + (r * h) @ w_hh[:, 2 * size :] + b_hh[2 * size :])
    return ((1 - z) * n + z * h,)


_CELLS: dict[str, Callable[[Array, State, dict[str, Array]], State]] = {
    "rnn_tanh": _rnn,
    "lstm": _lstm,
    "gru_after": _gru_after,
    "gru_before": _gru_before,
}


def layer(cell: str) -> Callable[[dict[str, Array], Array, Array | None], Array]:
    """Of weights, ``x [B, T, D]`` and the valid steps ``[T, B, 1]`` or None: ``[T, B, H]``."""
    step = _CELLS[cell]

    def run(weights: dict[str, Array], x: Array, mask: Array | None) -> Array:
        a = jnp.swapaxes(x @ weights["w_ih"] + weights["b_ih"], 0, 1)
        zeros = jnp.zeros((x.shape[0], weights["w_hh"].shape[0]), x.dtype)
        initial = (zeros, zeros) if cell == "lstm" else (zeros,)

        def dense(state: State, a_t: Array) -> tuple[State, Array]:
            state = step(a_t, state, weights)
            return state, state[0]

        def ragged(state: State, given: tuple[Array, Array]) -> tuple[State, Array]:
            a_t, here = given
            new = step(a_t, state, weights)
            state = tuple(jnp.where(here, n, s) for n, s in zip(new, state, strict=True))
            return state, jnp.where(here, state[0], 0)

        if mask is None:
            return lax.scan(dense, initial, a)[1]
        return lax.scan(ragged, initial, (a, mask))[1]

    return run


def prepare(problem: Problem, threads: int) -> Any:
    """The compiled function and its arguments on the device."""
    case = problem.case
    if case.is_step:
        raise Unsupported("a scan has no single step")
    dtype = jnp.dtype(case.dtype)
    names = ("w_ih", "w_hh", "b_ih", "b_hh")
    weights = {name: jnp.asarray(getattr(problem, name).T, dtype) for name in names}
    x = jnp.asarray(problem.x, dtype)
    mask = None if case.lengths == "dense" else jnp.asarray(valid(problem).T[..., None])
    run = layer(case.cell)

    def total(weights: dict[str, Array], x: Array, mask: Array | None) -> tuple[Array, Array]:
        output = run(weights, x, mask)
        return output.sum(), output

    function = jax.jit(
        jax.value_and_grad(total, argnums=(0, 1), has_aux=True) if case.mode == "training" else run
    )

    def work() -> Any:
        return jax.block_until_ready(function(weights, x, mask))

    def result() -> list[float]:
        if case.mode != "training":
            return checksum(np.asarray(work(), np.float32))
        (_, output), (gradient, _) = work()
        return checksum(np.asarray(output, np.float32), np.asarray(gradient["w_hh"], np.float32))

    return work, result
