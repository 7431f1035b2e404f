"""Small experiments that show what a recurrent layer can learn, and what its gradient does to it.

Each is one function of its arguments and a seed, trains a model of its own and returns what was
measured. With one thread it gives the same numbers on every run of one machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.nn.utils import clip_grad_norm_

from sequela.diagnostics.tasks import (
    TaskBatch,
    adding_problem,
    copy_memory,
    score_without_memory,
)
from sequela.diagnostics.unroll import cell_of
from sequela.errors import ConfigError
from sequela.nn import GRU, LSTM, RNN
from sequela.seeds import derive

__all__ = ["Learned", "Steps", "exploding_training", "hold_for", "learn_adding", "learn_copy"]

_LAYERS: dict[str, Callable[..., nn.Module]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
_HELD_OUT = 500


class Learned(NamedTuple):
    """What a model learned of a task.

    Args:
        losses: the training loss before each step.
        loss: on held-out sequences; mean squared error, or cross-entropy in nats a step.
        without_memory: the same of the best answer without a memory.
        right: the share of held-out answers that are right: an error of at most 0.04 (adding,
            the criterion of Hochreiter & Schmidhuber 1997), a symbol recalled (copy).
        layer: the trained layer.
    """

    losses: list[float]
    loss: float
    without_memory: float
    right: float
    layer: nn.Module


class Steps(NamedTuple):
    """A training, step by step, until it ended or was no longer finite.

    Args:
        losses: before each step.
        norms: of the gradient before each step, before clipping.
    """

    losses: list[float]
    norms: list[float]


@torch.no_grad()
def hold_for(layer: nn.Module, steps: float, *, input_bias: float | None = None) -> None:
    """Sets the gates' biases so that an untrained layer holds its state for up to ``steps`` steps.

    As the chrono initialisation (Tallec & Ollivier 2018): a unit that is to hold for t steps has a
    forget gate (the update gate of a GRU) with the bias ``ln t``, and an LSTM's input gate has
    ``-ln t``: with a wide open one c would fill up while it holds. There the times are drawn
    uniformly; here they are spread geometrically over the units from 1 to ``steps``, since a task
    also needs units that forget fast. All other biases are 0. An RNN has no gate and stays as it
    is.

    Args:
        layer: an RNN, LSTM or GRU with biases, ours or torch's.
        steps: the longest time, at least 2; once or a few times the distance
            that the task asks for.
        input_bias: of the LSTM's input gates instead of ``-ln t``, the same for all units.

    Raises:
        ConfigError: no recurrent layer, no biases, or fewer steps.
    """
    cell = cell_of(layer)
    if not steps >= 2 or not layer.bias:
        raise ConfigError(
            "how long the gates hold",
            got=f"{steps} steps, bias={layer.bias}",
            wanted="at least 2 steps and a layer with biases",
        )
    if cell.gate_count == 1:
        return
    width: Any = layer.hidden_size
    times = torch.linspace(0, math.log(steps), width)
    for name, parameter in layer.named_parameters(recurse=False):
        if not name.startswith("bias"):
            continue
        parameter.zero_()
        if name.startswith("bias_ih"):
            # Both gates that hold are the second: i f g o, r z n.
            parameter[width : 2 * width] = times
            if cell.gate_count == 4:
                parameter[:width] = -times if input_bias is None else input_bias


class _Reader(nn.Module):
    """A recurrent layer and a linear answer, at the last step or at every step."""

    def __init__(self, cell: str, sizes: tuple[int, int, int], last: bool, **options: Any):
        super().__init__()
        if cell not in _LAYERS:
            raise ConfigError("cell", got=repr(cell), wanted=f"one of {', '.join(_LAYERS)}")
        self.layer = _LAYERS[cell](sizes[0], sizes[1], **options)
        self.answer = nn.Linear(sizes[1], sizes[2])
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        """``[B]`` at the last step, or ``[T, B, classes]``."""
        output, _ = self.layer(x)
        return self.answer(output[-1])[:, 0] if self.last else self.answer(output)


def _built(cell: str, sizes: tuple[int, int, int], last: bool, seed: int, **options: Any):
    # torch draws initial weights from its global generator, which is given back as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        return _Reader(cell, sizes, last, **options)


def _train(
    model: nn.Module,
    loss: Callable[[TaskBatch], Tensor],
    draw: Callable[[int], TaskBatch],
    steps: int,
    optimiser: torch.optim.Optimizer,
    clip: Callable[[list[Tensor]], Any] | None,
) -> Steps:
    losses, norms = [], []
    weights: list[Tensor] = list(model.parameters())
    for step in range(steps):
        optimiser.zero_grad()
        value = loss(draw(step))
        value.backward()
        losses.append(value.item())
        norms.append(float(clip_grad_norm_(weights, math.inf)))
        if not math.isfinite(losses[-1]) or not math.isfinite(norms[-1]):
            break
        if clip is not None:
            clip(weights)
        optimiser.step()
    return Steps(losses, norms)


def _learn(model: _Reader, loss, draw, steps: int, learning_rate: float) -> list[float]:
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    return _train(
        model, loss, draw, steps, optimiser, lambda weights: clip_grad_norm_(weights, 1.0)
    ).losses


def learn_adding(
    cell: str,
    *,
    delay: int = 200,
    hidden_size: int = 32,
    steps: int = 1000,
    batch: int = 32,
    learning_rate: float = 1e-2,
    prepare: Callable[[nn.Module], None] | None = None,
    seed: int = 0,
) -> Learned:
    """Trains a layer on the adding problem: Adam, gradient clipped to norm 1, fresh batches.

    The recurrent weights start orthogonal, the tanh RNN's best case at this distance.

    Args:
        cell: "rnn" (tanh), "lstm" or "gru".
        delay: T, the length of the sequences.
        hidden_size: H.
        steps: of the optimiser.
        batch: B.
        learning_rate: of Adam.
        prepare: what is done with the untrained layer, for example ``lambda layer:
            hold_for(layer, 200)``; None leaves torch's biases.
        seed: of the weights and the data.
    """
    model = _built(cell, (2, hidden_size, 1), True, seed, initialisation="orthogonal")
    if prepare is not None:
        prepare(model.layer)

    def loss(data: TaskBatch) -> Tensor:
        return mse_loss(model(data.x), data.target)

    losses = _learn(
        model,
        loss,
        lambda step: adding_problem(batch, delay, seed=derive(seed, "training", step)),
        steps,
        learning_rate,
    )
    held_out = adding_problem(_HELD_OUT, delay, seed=derive(seed, "held out"))
    with torch.no_grad():
        found = model(held_out.x)
        right = float(((found - held_out.target).abs() <= 0.04).double().mean())
        error = mse_loss(found, held_out.target).item()
    return Learned(losses, error, score_without_memory("adding"), right, model.layer)


def learn_copy(
    cell: str,
    *,
    delay: int = 200,
    length: int = 10,
    symbols: int = 8,
    hidden_size: int = 64,
    steps: int = 1000,
    batch: int = 32,
    learning_rate: float = 1e-2,
    prepare: Callable[[nn.Module], None] | None = None,
    seed: int = 0,
) -> Learned:
    """Trains a layer on the copy memory: Adam, gradient clipped to norm 1, fresh batches.

    Args:
        cell: "rnn" (tanh), "lstm" or "gru".
        delay: T, the steps between the symbols and the signal.
        length: how many symbols are kept.
        symbols: how many different ones there are.
        hidden_size: H.
        steps: of the optimiser.
        batch: B.
        learning_rate: of Adam.
        prepare: what is done with the untrained layer, for example ``lambda layer:
            hold_for(layer, 200)``; None leaves torch's biases.
        seed: of the weights and the data.
    """
    sizes = (symbols + 2, hidden_size, symbols + 1)
    model = _built(cell, sizes, False, seed, initialisation="orthogonal")
    if prepare is not None:
        prepare(model.layer)
    shape = {"length": length, "symbols": symbols}

    def loss(data: TaskBatch) -> Tensor:
        return cross_entropy(model(data.x).flatten(0, 1), data.target.flatten())

    losses = _learn(
        model,
        loss,
        lambda step: copy_memory(batch, delay, **shape, seed=derive(seed, "training", step)),
        steps,
        learning_rate,
    )
    held_out = copy_memory(_HELD_OUT, delay, **shape, seed=derive(seed, "held out"))
    with torch.no_grad():
        error = loss(held_out).item()
        recalled = model(held_out.x)[-length:].argmax(dim=-1) == held_out.target[-length:]
    base = score_without_memory("copy", delay=delay, **shape)
    return Learned(losses, error, base, float(recalled.double().mean()), model.layer)


def exploding_training(
    clip: Callable[[list[Tensor]], Any] | None,
    *,
    radius: float = 1.02,
    delay: int = 100,
    hidden_size: int = 16,
    steps: int = 600,
    batch: int = 32,
    learning_rate: float = 1e-2,
    seed: int = 0,
) -> Steps:
    """A planted explosion: a relu RNN on the adding problem whose state grows at every step.

    Its recurrent weights start as ``radius`` times the identity (Le 2015 has radius 1), so that
    state and gradient grow like ``radius ** delay``. Plain gradient descent.

    Args:
        clip: what is done with the list of weights between ``backward()`` and the step, for
            example ``lambda weights: torch.nn.utils.clip_grad_norm_(weights, 1.0)``; None for
            nothing.
        radius: the spectral radius of the recurrent weights at first.
        delay: T.
        hidden_size: H.
        steps: at most; it ends where loss or gradient are not finite.
        batch: B.
        learning_rate: of gradient descent.
        seed: of the weights and the data.
    """
    options = {"nonlinearity": "relu", "initialisation": "identity"}
    model = _built("rnn", (2, hidden_size, 1), True, seed, **options)
    with torch.no_grad():
        model.layer.weight_hh_l0.mul_(radius)  # pyrefly: ignore
    return _train(
        model,
        lambda data: mse_loss(model(data.x), data.target),
        lambda step: adding_problem(batch, delay, seed=derive(seed, "training", step)),
        steps,
        torch.optim.SGD(model.parameters(), lr=learning_rate),
        clip,
    )
