"""Other texts' equations beside our layers, with their weights converted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, sigmoid, tanh
from torch.nn import GRUCell

from sequela.errors import ConfigError
from sequela.nn import GRU, LSTM, RNN
from sequela.nn.convert import flip_update_gate, from_concatenated, from_transposed

D, H, T, B = 3, 4, 5, 2
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def parts(state: dict[str, Tensor], suffix: str = "_l0") -> list[list[Tensor]]:
    keys = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [list(state[key + suffix].chunk(3)) for key in keys]


def chung(x: Tensor, h: Tensor, state: dict[str, Tensor], reset_after: bool) -> Tensor:
    """h = (1 - z) * h_prev + z * n, as Chung 2014 writes it, over all of x ``[T, B, D]``."""
    (w_r, w_z, w_n), (u_r, u_z, u_n), (b_r, b_z, b_n), (c_r, c_z, c_n) = parts(state)
    for x_t in x:
        r = sigmoid(x_t @ w_r.T + b_r + h @ u_r.T + c_r)
        z = sigmoid(x_t @ w_z.T + b_z + h @ u_z.T + c_z)
        if reset_after:
            n = tanh(x_t @ w_n.T + b_n + r * (h @ u_n.T + c_n))
        else:
            n = tanh(x_t @ w_n.T + b_n + (r * h) @ u_n.T + c_n)
        h = (1 - z) * h + z * n
    return h


@pytest.mark.parametrize("reset_after", [True, False])
def test_flipped_update_gate_gives_the_other_text_s_model(reset_after: bool):
    layer = GRU(D, H, reset_after=reset_after).double()
    x, h = random(T, B, D), random(B, H)
    wanted = chung(x, h, layer.state_dict(), reset_after)
    torch.testing.assert_close(flip_update_gate(layer)(x, h[None])[1][0], wanted, **TOLERANCE)
    untouched = GRU(D, H, reset_after=reset_after).double()
    untouched.load_state_dict(flip_update_gate(layer.state_dict()))
    torch.testing.assert_close(untouched(x, h[None])[1][0], wanted, **TOLERANCE)


def test_flipping_twice_is_nothing_and_the_source_is_kept():
    layer = GRU(D, H, num_layers=2, bidirectional=True)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    once = flip_update_gate(layer.state_dict())
    twice = flip_update_gate(once)
    for name, tensor in before.items():
        assert torch.equal(layer.state_dict()[name], tensor)
        assert torch.equal(twice[name], tensor)
        assert torch.equal(once[name][:H], tensor[:H])
        assert torch.equal(once[name][H : 2 * H], -tensor[H : 2 * H])
        assert torch.equal(once[name][2 * H :], tensor[2 * H :])


def test_flipping_reaches_every_gru_of_a_model_and_nothing_else():
    model = torch.nn.ModuleDict(
        # H = 3: an LSTM's 4*H rows divide by three, and must be left all the same.
        {"a": torch.nn.GRU(2, 3), "b": GRUCell(2, 3), "c": LSTM(2, 3), "d": torch.nn.Linear(3, 9)}
    )
    old, new = model.state_dict(), flip_update_gate(model).state_dict()
    assert list(old) == list(new)
    for name in old:
        changed = not torch.equal(old[name], new[name])
        assert changed == name.startswith(("a.", "b.")), name


def test_flipping_with_layer_normalisation_turns_the_gain():
    # z -> 1 - z exchanges the roles of n and h_prev, so one step from h_prev shows it.
    layer = GRU(D, H, layer_norm=True).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(random(*parameter.shape))
    turned = flip_update_gate(layer)
    assert torch.equal(turned.weight_ih_l0, layer.weight_ih_l0)
    x, h = random(1, B, D), random(1, B, H)
    n = GRU(D, H, layer_norm=True).double()
    state = layer.state_dict()
    # With an update gate of 0 the new state is the candidate itself.
    state["bias_ih_l0"] = state["bias_ih_l0"].clone()
    state["bias_ih_l0"][H : 2 * H] = -1e4
    n.load_state_dict(state)
    torch.testing.assert_close(
        turned(x, h)[0] + layer(x, h)[0], n(x, h)[0] + h, rtol=1e-10, atol=1e-10
    )


def test_there_must_be_a_gru_to_flip():
    with pytest.raises(ConfigError, match="no GRU"):
        flip_update_gate(LSTM(D, H))
    with pytest.raises(ConfigError, match="no GRU"):
        flip_update_gate({"weight": random(3, 1)})


def loaded(kind: type, state: dict[str, Tensor], **options):
    layer = kind(D, H, bias="bias_ih_l0" in state, **options).double()
    layer.load_state_dict(state)
    return layer


@pytest.mark.parametrize("hidden_first", [True, False])
@pytest.mark.parametrize("biased", [True, False])
def test_concatenated_lstm(hidden_first: bool, biased: bool):
    w = {gate: random(H, H + D) for gate in "figo"}
    b = {gate: random(H) if biased else torch.zeros(H, dtype=torch.float64) for gate in "figo"}
    x, h = random(T, B, D), torch.zeros(B, H, dtype=torch.float64)
    c = torch.zeros_like(h)
    for x_t in x:
        both = torch.cat([h, x_t] if hidden_first else [x_t, h], dim=1)
        a = {gate: both @ w[gate].T + b[gate] for gate in w}
        c = sigmoid(a["f"]) * c + sigmoid(a["i"]) * tanh(a["g"])
        h = sigmoid(a["o"]) * tanh(c)
    state = from_concatenated(w, b if biased else None, hidden_first=hidden_first)
    _, (h_n, c_n) = loaded(LSTM, state)(x)
    torch.testing.assert_close(h_n[0], h, **TOLERANCE)
    torch.testing.assert_close(c_n[0], c, **TOLERANCE)


def test_concatenated_gru_resets_before_the_product():
    w, b = ({gate: random(*shape) for gate in "zrn"} for shape in ((H, H + D), (H,)))
    x, h = random(T, B, D), torch.zeros(B, H, dtype=torch.float64)
    for x_t in x:
        both = torch.cat([h, x_t], dim=1)
        r, z = (sigmoid(both @ w[gate].T + b[gate]) for gate in "rz")
        n = tanh(torch.cat([r * h, x_t], dim=1) @ w["n"].T + b["n"])
        h = (1 - z) * h + z * n  # this text also has the other update gate
    layer = flip_update_gate(loaded(GRU, from_concatenated(w, b), reset_after=False))
    torch.testing.assert_close(layer(x)[1][0], h, **TOLERANCE)


def test_concatenated_rnn_with_numpy_arrays_and_a_suffix():
    w, b = random(H, H + D), random(H)
    x, h = random(T, B, D), torch.zeros(B, H, dtype=torch.float64)
    for x_t in x:
        h = tanh(torch.cat([h, x_t], dim=1) @ w.T + b)
    state = from_concatenated({"h": w.numpy()}, {"h": b.numpy()})
    torch.testing.assert_close(loaded(RNN, state)(x)[1][0], h, **TOLERANCE)
    assert set(from_concatenated({"h": w}, suffix="")) == {"weight_ih", "weight_hh"}


def test_transposed_lstm_in_the_order_of_keras():
    w, u, b = random(D, 4 * H), random(H, 4 * H), random(4 * H)
    x, h = random(T, B, D), torch.zeros(B, H, dtype=torch.float64)
    c = torch.zeros_like(h)
    for x_t in x:
        i, f, g, o = (x_t @ w + h @ u + b).chunk(4, dim=1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
    _, (h_n, c_n) = loaded(LSTM, from_transposed(w, u, b, order="ifgo"))(x)
    torch.testing.assert_close(h_n[0], h, **TOLERANCE)
    torch.testing.assert_close(c_n[0], c, **TOLERANCE)


@pytest.mark.parametrize("reset_after", [True, False])
def test_transposed_gru_in_the_order_of_keras(reset_after: bool):
    w, u, b = random(D, 3 * H), random(H, 3 * H), random(2, 3 * H)
    if not reset_after:
        b[1] = 0.0
    x, h = random(T, B, D), torch.zeros(B, H, dtype=torch.float64)
    for x_t in x:
        given_z, given_r, given_n = (x_t @ w + b[0]).chunk(3, dim=1)
        z = sigmoid(given_z + h @ u[:, :H] + b[1, :H])
        r = sigmoid(given_r + h @ u[:, H : 2 * H] + b[1, H : 2 * H])
        u_n, b_n = u[:, 2 * H :], b[1, 2 * H :]
        n = tanh(given_n + (r * (h @ u_n + b_n) if reset_after else (r * h) @ u_n))
        h = z * h + (1 - z) * n
    state = from_transposed(w, u, b if reset_after else b[0], order="zrn")
    layer = loaded(GRU, state, reset_after=reset_after)
    torch.testing.assert_close(layer(x)[1][0], h, **TOLERANCE)


def test_transposed_without_bias():
    w, u = random(D, H), random(H, H)
    x, h = random(T, B, D), torch.zeros(B, H, dtype=torch.float64)
    for x_t in x:
        h = tanh(x_t @ w + h @ u)
    torch.testing.assert_close(
        loaded(RNN, from_transposed(w, u, order="h"))(x)[1][0], h, **TOLERANCE
    )


def test_bad_conventions():
    square = random(H, H + D)
    with pytest.raises(ConfigError, match="each once"):
        from_concatenated({"r": square, "z": square})
    with pytest.raises(ConfigError, match=r"H \+ D"):
        from_concatenated({"h": random(H, H)})
    with pytest.raises(ConfigError, match=r"H \+ D"):
        from_concatenated({"r": square, "z": square, "n": random(H, H + D + 1)})
    with pytest.raises(ConfigError, match="biases"):
        from_concatenated({"h": square}, {"i": square})
    with pytest.raises(ConfigError, match="others than"):
        from_concatenated({"h": square}, {gate: random(H) for gate in "rzn"})
    with pytest.raises(ConfigError, match="shape"):
        from_concatenated({"h": square}, {"h": random(H + 1)})
    with pytest.raises(ConfigError, match="order"):
        from_transposed(random(D, 3 * H), random(H, 3 * H), order="zzn")
    with pytest.raises(ConfigError, match="transposed weights"):
        from_transposed(random(D, 3 * H), random(H, 2 * H), order="rzn")
    with pytest.raises(ConfigError, match="transposed bias"):
        from_transposed(random(D, H), random(H, H), random(H + 1), order="h")
