"""The four cells against their equations in numpy, and their gradients by finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.tolerances import GRADCHECK, REFERENCE

from sequela.cells import CELLS, CellWeights, input_product, zoneout

B, D, H, P = 3, 4, 5, 2
LIMIT = 80


def sigma(a):
    return 1 / (1 + np.exp(-a))


def normalised(a, gain, shift=0.0):
    if gain is None:
        return a + shift
    mean, variance = a.mean(-1, keepdims=True), a.var(-1, keepdims=True)
    return (a - mean) / np.sqrt(variance + 1e-5) * gain + shift


def numpy_rnn(f, x, h, c, w, m):
    a = normalised(x @ w.w_ih.T, w.norm_ih, w.b_ih)
    a = a + normalised((m * h) @ w.w_hh.T, w.norm_hh, w.b_hh)
    return {"h": f(a)}


def numpy_lstm(x, h, c, w, m):
    a = normalised(x @ w.w_ih.T, w.norm_ih, w.b_ih)
    a = a + normalised((m * h) @ w.w_hh.T, w.norm_hh, w.b_hh)
    a_i, a_f, a_g, a_o = (a[:, k * H : (k + 1) * H] for k in range(4))
    p_i, p_f, p_o = np.zeros((3, H)) if w.w_peephole is None else w.w_peephole
    i, f, g = sigma(a_i + p_i * c), sigma(a_f + p_f * c), np.tanh(a_g)
    c = f * c + i * g
    o = sigma(a_o + p_o * c)
    h = o * np.tanh(c if w.norm_c is None else normalised(c, w.norm_c, w.norm_c_bias))
    return {"h": h if w.w_hr is None else h @ w.w_hr.T, "c": c, "i": i, "f": f, "g": g, "o": o}


def numpy_gru(reset_after, x, h, c, w, m):
    x_r, x_z, x_n = np.split(normalised(x @ w.w_ih.T, w.norm_ih, w.b_ih), 3, axis=1)
    if reset_after:
        product = normalised((m * h) @ w.w_hh.T, w.norm_hh, w.b_hh)
        h_r, h_z, h_n = np.split(product, 3, axis=1)
        r, z = sigma(x_r + h_r), sigma(x_z + h_z)
        n = np.tanh(x_n + r * h_n)
    else:
        rz, gain = slice(0, 2 * H), w.norm_hh
        product = normalised((m * h) @ w.w_hh[rz].T, None if gain is None else gain[rz], w.b_hh[rz])
        h_r, h_z = np.split(product, 2, axis=1)
        r, z = sigma(x_r + h_r), sigma(x_z + h_z)
        last = slice(2 * H, 3 * H)
        h_n = normalised(
            (r * (m * h)) @ w.w_hh[last].T, None if gain is None else gain[last], w.b_hh[last]
        )
        n = np.tanh(x_n + h_n)
    return {"h": (1 - z) * n + z * h, "r": r, "z": z, "n": n}


EQUATIONS = {
    "rnn_tanh": lambda *given: numpy_rnn(np.tanh, *given),
    "rnn_relu": lambda *given: numpy_rnn(lambda a: np.maximum(a, 0), *given),
    "rnn_sigmoid": lambda *given: numpy_rnn(sigma, *given),
    "lstm": numpy_lstm,
    "gru_after": lambda *given: numpy_gru(True, *given),
    "gru_before": lambda *given: numpy_gru(False, *given),
}
OPTIONS = [(name, option) for name in CELLS for option in ("plain", "mask", "norm")] + [
    ("lstm", "peephole"),
    ("lstm", "projection"),
    ("lstm", "all"),
]


def example(name: str, option: str):
    """Input, state and weights of a cell in float64."""
    generator = torch.Generator().manual_seed(7)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    rows = CELLS[name].gate_count * H
    width = P if option in ("projection", "all") else H
    weights = CellWeights(draw(rows, D), draw(rows, width), draw(rows), draw(rows))
    if width != H:
        weights = weights._replace(w_hr=draw(P, H))
    if option in ("peephole", "all"):
        weights = weights._replace(w_peephole=draw(3, H))
    if option in ("norm", "all"):
        weights = weights._replace(norm_ih=draw(rows), norm_hh=draw(rows))
        if name == "lstm":
            weights = weights._replace(norm_c=draw(H), norm_c_bias=draw(H))
    state = (draw(B, width), draw(B, H))[: len(CELLS[name].state._fields)]
    mask = None
    if option in ("mask", "all"):
        mask = torch.tensor([2.0, 0.0], dtype=torch.float64).repeat(B * width)[: B * width]
        mask = mask.reshape(B, width)
    return draw(B, D), CELLS[name].state(*state), weights, mask


def to_numpy(value):
    return None if value is None else value.detach().numpy()


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_a_step_is_its_equations(name, option):
    x, state, weights, mask = example(name, option)
    new, gates = CELLS[name].step(input_product(x, weights), state, weights, mask)
    m = 1.0 if mask is None else to_numpy(mask)
    c = to_numpy(state.c) if name == "lstm" else None
    numpy_weights = CellWeights(*map(to_numpy, weights))
    wanted = EQUATIONS[name](to_numpy(x), to_numpy(state.h), c, numpy_weights, m)
    got = {**new._asdict(), **gates._asdict()}
    assert set(got) == set(wanted)
    for letter, value in got.items():
        np.testing.assert_allclose(to_numpy(value), wanted[letter], **REFERENCE)


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_gradients_by_finite_differences(name, option):
    x, state, weights, mask = example(name, option)
    fields = [field for field, weight in weights._asdict().items() if weight is not None]

    def step(x, *rest):
        parts, given = rest[: len(state)], rest[len(state) :]
        local = CellWeights(**dict(zip(fields, given, strict=True)))
        new, gates = CELLS[name].step(input_product(x, local), type(state)(*parts), local, mask)
        return (*new, *gates)

    given = (x, *state, *(getattr(weights, field) for field in fields))
    assert torch.autograd.gradcheck(step, given, **GRADCHECK)


def test_without_biases():
    for name in CELLS:
        x, state, weights, _ = example(name, "norm")
        bare = weights._replace(b_ih=None, b_hh=None, norm_c_bias=None)
        zero = weights._replace(
            b_ih=torch.zeros_like(weights.b_ih), b_hh=torch.zeros_like(weights.b_hh)
        )
        if name == "lstm":
            zero = zero._replace(norm_c_bias=torch.zeros_like(weights.norm_c))
        without, _ = CELLS[name].step(input_product(x, bare), state, bare)
        with_zeros, _ = CELLS[name].step(input_product(x, zero), state, zero)
        torch.testing.assert_close(without.h, with_zeros.h, **REFERENCE)


def test_zoneout_keeps_or_blends():
    new, old = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    assert zoneout(new, old, torch.tensor([1.0, 0.0])).tolist() == [3.0, 2.0]
    assert zoneout(new, old, 0.25).tolist() == [1.5, 2.5]


def test_a_cell_file_is_at_most_eighty_lines():
    import inspect
    from pathlib import Path

    import sequela.cells

    files = Path(inspect.getfile(sequela.cells)).parent.glob("*.py")
    assert {path.name for path in files if len(path.read_text().splitlines()) > LIMIT} == set()
