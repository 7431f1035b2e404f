"""What the guide says of learning over 200 steps and of explosions, measured again."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from sequela.diagnostics import (
    exploding_training,
    gradient_flow,
    hold_for,
    learn_adding,
    learn_copy,
    verdict,
)
from sequela.diagnostics.tasks import adding_problem
from sequela.errors import ConfigError
from sequela.nn import GRU, LSTM, RNN
from sequela.train.optimise import clip
from sequela.train.settings import TrainingSettings


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _hold(layer: nn.Module) -> None:
    hold_for(layer, 400)


def test_a_gru_learns_to_add_over_200_steps():
    found = learn_adding("gru", prepare=_hold, steps=400)
    assert found.loss < 0.1 * found.without_memory
    assert len(found.losses) == 400


@pytest.mark.long
def test_an_lstm_learns_to_add_over_200_steps_and_the_tanh_rnn_does_not():
    lstm, rnn = (learn_adding(cell, prepare=_hold, steps=1000) for cell in ("lstm", "rnn"))
    assert lstm.loss < 0.1 * lstm.without_memory
    assert lstm.right > 0.5
    assert rnn.loss > 0.8 * rnn.without_memory
    assert rnn.right < 0.2


@pytest.mark.long
def test_a_gru_recalls_after_200_steps():
    found = learn_copy("gru", prepare=_hold, length=1, symbols=4, steps=1000)
    assert found.loss < 0.2 * found.without_memory
    assert found.right > 0.9


@pytest.mark.long
def test_an_lstm_recalls_after_200_steps():
    def prepare(layer: nn.Module) -> None:
        hold_for(layer, 1000, input_bias=-2.0)

    found = learn_copy("lstm", prepare=prepare, length=1, symbols=4, steps=1500)
    assert found.loss < 0.5 * found.without_memory
    assert found.right > 0.9


@pytest.mark.long
def test_the_tanh_rnn_does_not_recall_after_200_steps():
    found = learn_copy("rnn", length=1, symbols=4, steps=1000)
    assert found.loss > 0.9 * found.without_memory
    assert found.right < 0.35  # one of four by chance, 500 answers: standard error 0.02


def test_the_planted_explosion_ends_the_training():
    found = exploding_training(None)
    assert len(found.losses) < 10
    assert not math.isfinite(found.norms[-1])


@pytest.mark.parametrize(
    ("limit", "settled"),
    [
        (lambda weights: clip_grad_norm_(weights, 0.3), 0.5),
        (lambda weights: clip_grad_value_(weights, 0.003), 1.5),
    ],
    ids=["by norm", "by value"],
)
def test_clipping_tames_the_planted_explosion(limit, settled: float):
    found = exploding_training(limit)
    assert len(found.losses) == 600
    assert found.norms[0] > 1e4
    assert found.losses[0] > 100
    assert statistics.median(found.losses[-100:]) < settled


def test_the_trainings_own_clipping_tames_it_too():
    settings = TrainingSettings(clip_norm=0.3)
    ours = exploding_training(lambda weights: clip(weights, settings), steps=50)
    torchs = exploding_training(lambda weights: clip_grad_norm_(weights, 0.3), steps=50)
    assert ours == torchs


def test_an_experiment_is_a_function_of_its_seed():
    state = torch.random.get_rng_state()
    sizes = {"delay": 10, "hidden_size": 4, "steps": 3, "batch": 2}
    first, again = learn_adding("lstm", **sizes), learn_adding("lstm", **sizes)
    assert first[:4] == again[:4]
    assert first.losses != learn_adding("lstm", **sizes, seed=1).losses
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("kind", [LSTM, GRU, nn.LSTM, nn.GRU])
def test_holding_gates_hold_for_the_times_asked_for(kind):
    layer = kind(2, 8, num_layers=2, bidirectional=True)
    hold_for(layer, 128)
    times = 2 ** torch.arange(8.0)
    for name in ("l0", "l0_reverse", "l1", "l1_reverse"):
        bias = getattr(layer, f"bias_ih_{name}") + getattr(layer, f"bias_hh_{name}")
        gates = bias.sigmoid().chunk(len(bias) // 8)
        torch.testing.assert_close(gates[1], times / (1 + times))
        rest = torch.full((8,), 0.5)
        torch.testing.assert_close(gates[0], 1 / (1 + times) if len(gates) == 4 else rest)
        assert all(torch.equal(gate, rest) for gate in gates[2:])


def test_the_input_gates_of_holding_units_may_be_set():
    layer = LSTM(2, 8)
    hold_for(layer, 128, input_bias=-2.0)
    assert (layer.bias_ih_l0[:8] == -2).all()
    torch.testing.assert_close(layer.bias_ih_l0[8:16].exp(), 2 ** torch.arange(8.0))


def test_holding_gates_keep_the_gradient():
    x = adding_problem(8, 200, seed=0).x
    torch.manual_seed(0)
    layer = LSTM(2, 16)
    before = verdict(gradient_flow(layer, x))
    hold_for(layer, 200)
    assert before.startswith("vanishes")
    assert verdict(gradient_flow(layer, x)).startswith("flows")


def test_what_cannot_hold_is_left_or_refused():
    layer = RNN(2, 3)
    before = layer.bias_hh_l0.clone()
    hold_for(layer, 50)
    assert torch.equal(layer.bias_hh_l0, before)
    with pytest.raises(ConfigError, match="at least 2 steps"):
        hold_for(LSTM(2, 3), 1)
    with pytest.raises(ConfigError, match="bias=False"):
        hold_for(LSTM(2, 3, bias=False), 50)
    with pytest.raises(ConfigError, match="one of rnn, lstm, gru"):
        learn_adding("transformer", steps=1)
