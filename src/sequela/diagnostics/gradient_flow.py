"""How much of the gradient arrives at each step: |dL/dh_t| against t.

Back through time ``dL/dh_{t-1} = (dh_t/dh_{t-1})' dL/dh_t``: a product with as many Jacobians as
there are steps. Where they shrink it vanishes, where they stretch it explodes (Hochreiter 1991;
Bengio 1994; Pascanu 2013). The LSTM has a second way: along c alone ``dc_t/dc_{t-1} = f_t``, so the
direct path keeps exactly the product of the forget gates.

Everything here only reads: no weight, ``.grad``, mode or random state of the layer is changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.diagnostics.unroll import Unrolled, cell_of, layer_weights, passes_of, unroll
from sequela.errors import ConfigError, DataError

__all__ = [
    "EXPLODED",
    "VANISHED",
    "Flow",
    "ParameterNorms",
    "RecurrentWeight",
    "direct_path",
    "gradient_flow",
    "parameter_norms",
    "recurrent_weights",
    "verdict",
]

# What is left of the gradient between the ends of the sequence. Below a thousandth the early steps
# are drowned by the noise of the late ones in any mini-batch; the same factor upwards moves a
# weight a thousand times further than the late steps ask for.
VANISHED = 1e-3
EXPLODED = 1e3


class Flow(NamedTuple):
    """Norms of the gradient by step.

    Args:
        names: each pass (layer and direction) by the ending of its weights, "l0", "l0_reverse".
        reverse: for each pass whether it reads from the end; then the gradient flows forwards.
        h: ``[passes, T, B]``, |dL/dh_t|, Euclidean over the units, in the unit of the loss by that
            of h; NaN beyond a row's length.
        c: the same of |dL/dc_t| for an LSTM, through h_t and through c_{t+1}, else None.
    """

    names: tuple[str, ...]
    reverse: tuple[bool, ...]
    h: Tensor
    c: Tensor | None

    def by_distance(self, part: str = "h") -> Tensor:
        """Mean over the rows ``[passes, T]`` against the steps back from the last one processed.

        Args:
            part: "h" or "c".
        """
        norms = self.h if part == "h" else self.c
        if norms is None:
            raise ConfigError("the part of the state", got=part, wanted="'h': only an LSTM has c")
        lengths = (~norms[0].isnan()).sum(0)
        turned = []
        for values, reverse in zip(norms, self.reverse, strict=True):
            if not reverse:
                steps = torch.arange(values.shape[0], device=values.device)[:, None]
                # Rows end at different steps: step T_b - 1 - k, and those before 0 do not exist.
                source = lengths - 1 - steps
                taken = values.gather(0, source.clamp(min=0))
                values = torch.where(source >= 0, taken, math.nan)
            turned.append(values.nanmean(1))
        return torch.stack(turned)


def gradient_flow(
    layer: nn.Module,
    input: Tensor | PackedSequence,
    loss: Callable[[Any], Tensor] | None = None,
    *,
    lengths: Any = None,
) -> Flow:
    """|dL/dh_t| for every step of a recurrent layer, from a zero initial state.

    dL/dh_t is the total derivative: by h_t through all that comes after it, later steps and upper
    layers included. It is computed in float64 whatever the layer's type, because a gradient that
    has vanished underflows in float32; the layer counts as in evaluation (no dropout, zoneout as
    its expectation).

    Args:
        layer: RNN, LSTM or GRU of ``sequela.nn`` or ``torch.nn``, any layers and directions.
        input: in the layer's layout, ``[T, B, D]``, ``[B, T, D]`` or ``[T, D]``, or packed.
        loss: what is made of the output, as the layer returns it (of a padded input also when the
            input was packed), a scalar. By default the sum over the rows and units of the state
            after each row's last processed step: then |dL/dh| at the last step of the upper layer
            is sqrt(P), and all that changes is what time does.
        lengths: ``[B]``, at least 1, for a padded input; None when every row has all T steps.

    Raises:
        ConfigError: the module is no recurrent layer.
        DataError: the input is empty or has another width, or the loss does not depend on it.
    """
    with torch.enable_grad():
        walked = unroll(layer, input, lengths)
        value = _last_states(layer, walked) if loss is None else loss(walked.output)
        if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
            raise DataError(
                "the loss of the gradient flow",
                got=type(value).__name__,
                wanted="a scalar tensor that depends on the output",
            )
        nodes = [part for steps in walked.states for state in steps for part in state]
        gradients = torch.autograd.grad(value, nodes, allow_unused=True)
    reached = [
        torch.zeros_like(node) if found is None else found
        for node, found in zip(nodes, gradients, strict=True)
    ]
    parts = len(cell_of(layer).state._fields)
    norms = [_by_step(reached[k::parts], walked) for k in range(parts)]
    names, reverse = zip(*passes_of(layer), strict=True)
    return Flow(names, reverse, norms[0], norms[1] if parts > 1 else None)


def _last_states(layer: nn.Module, walked: Unrolled) -> Tensor:
    directions = 2 if layer.bidirectional else 1
    last = zip(walked.states[-directions:], passes_of(layer)[-directions:], strict=True)
    ends = [steps[0 if reverse else -1][0].sum() for steps, (_, reverse) in last]
    return torch.stack(ends).sum()


def _by_step(gradients: Sequence[Tensor], walked: Unrolled) -> Tensor:
    norms = torch.stack([gradient.norm(dim=-1) for gradient in gradients])
    norms = norms.unflatten(0, (len(walked.states), -1))
    return torch.where(walked.present, norms, math.nan)


def direct_path(
    states: Any,
    *,
    batch_first: bool = False,
    reverse: bool = False,
    lengths: Tensor | None = None,
) -> Tensor:
    """What arrives of the state at step t along the state alone: ``dc_T/dc_t``, per unit.

    For an LSTM ``c_t = f_t * c_{t-1} + i_t * g_t``; where the gates do not depend on c_{t-1} (the
    path through h cut), ``dc_T/dc_t = f_{t+1} * ... * f_T`` exactly, element by element
    (Hochreiter & Schmidhuber 1997 with f = 1; Gers 2000). For a GRU the same holds of h and z.

    Args:
        states: ``LSTMStates`` or ``GRUStates`` of a layer with ``return_all_states``, without
            zoneout: ``[passes, T, B, H]``.
        batch_first: whether they are ``[passes, B, T, H]``; without a batch ``[passes, T, H]``.
        reverse: for a pass that reads from the end: then it is ``dc_0/dc_t``. Use it on the
            passes of that direction only.
        lengths: ``[B]``; the path ends at each row's last step and is 1 beyond it.

    Returns:
        In the shape of the gates; 1 at the last processed step.

    Raises:
        ConfigError: the states hold neither f nor z.
    """
    gate = getattr(states, "f", getattr(states, "z", None))
    if gate is None:
        raise ConfigError(
            "the direct path",
            got=type(states).__name__,
            wanted="the states of an LSTM or a GRU: an RNN has no gate that holds its state",
        )
    axis = 2 if batch_first and gate.dim() == 4 else 1
    gate = gate.movedim(axis, 1)
    if lengths is not None:
        steps = torch.arange(gate.shape[1], device=gate.device)
        beyond = steps[:, None] >= torch.as_tensor(lengths).to(gate.device)
        gate = gate.masked_fill(beyond[None, :, :, None], 1.0)
    # Step t passes through the gates of the steps processed after it.
    after = torch.ones_like(gate[:, :1])
    if reverse:
        path = torch.cat([after, gate[:, :-1]], dim=1).cumprod(1)
    else:
        path = torch.cat([gate[:, 1:], after], dim=1).flip(1).cumprod(1).flip(1)
    return path.movedim(1, axis)


class RecurrentWeight(NamedTuple):
    """One gate's recurrent matrix, as the map from one state to the next.

    Args:
        name: the parameter, "weight_hh_l0".
        gate: its gate, "h" for the RNN, "i f g o" for the LSTM, "r z n" for the GRU.
        radius: the spectral radius, the largest |eigenvalue|. Above 1 is necessary for an RNN's
            gradient to explode (Pascanu 2013); 1 keeps a linear RNN's.
        norm: the spectral norm, the largest singular value. Below 1 is sufficient for a tanh
            RNN's gradient to vanish (below 4 for the logistic function).
    """

    name: str
    gate: str
    radius: float
    norm: float


def recurrent_weights(layer: nn.Module) -> list[RecurrentWeight]:
    """Spectral radius and norm of every recurrent matrix of a layer, in float64.

    With a projection the matrix is ``w_hh w_hr``, from one ``o * tanh(c)`` to the next.

    Raises:
        ConfigError: the module is no recurrent layer.
    """
    cell = cell_of(layer)
    gates = cell.gates._fields or ("h",)
    found = []
    for name, _ in passes_of(layer):
        weights = layer_weights(layer, name)
        for gate, matrix in zip(gates, weights.w_hh.chunk(cell.gate_count), strict=True):
            square = matrix if weights.w_hr is None else matrix @ weights.w_hr
            finite = bool(square.isfinite().all())
            radius = float(torch.linalg.eigvals(square).abs().max()) if finite else math.nan
            norm = float(torch.linalg.matrix_norm(square, 2)) if finite else math.nan
            found.append(RecurrentWeight(f"weight_hh_{name}", gate, radius, norm))
    return found


class ParameterNorms(NamedTuple):
    """One parameter after ``backward()``.

    Args:
        name: of the parameter.
        weight: Euclidean norm of the parameter.
        gradient: of its gradient; NaN where it has none, infinite where it is not finite.
    """

    name: str
    weight: float
    gradient: float


def parameter_norms(model: nn.Module) -> list[ParameterNorms]:
    """Norms of every parameter and of the gradient that ``backward()`` left in it, largest first.

    Args:
        model: any module; parameters without a gradient come last.
    """
    rows = []
    for name, parameter in model.named_parameters():
        gradient = math.nan
        if parameter.grad is not None:
            gradient = float(parameter.grad.double().norm())
            gradient = gradient if math.isfinite(gradient) else math.inf
        rows.append(ParameterNorms(name, float(parameter.detach().double().norm()), gradient))
    return sorted(rows, key=lambda row: -1.0 if math.isnan(row.gradient) else row.gradient)[::-1]


def verdict(flow: Flow) -> str:
    """The flow in one line: vanishes, explodes or flows, and by how much a step.

    Compares the step farthest back with the last processed one, by their mean over the rows, in the
    state that carries the memory: |dL/dc| of an LSTM, |dL/dh| of the others; thresholds
    :data:`VANISHED` and :data:`EXPLODED`.
    """
    parts = [_words(norms) for norms in flow.by_distance("h" if flow.c is None else "c")]
    if len(parts) == 1:
        return parts[0]
    return "; ".join(f"{name} {words}" for name, words in zip(flow.names, parts, strict=True))


def _words(norms: Tensor) -> str:
    steps = len(norms) - 1
    if not bool(norms.isfinite().all()):
        return "explodes: the gradient is not finite"
    last, first = float(norms[0]), float(norms[-1])
    if last == 0:
        return "no gradient arrives at the last step: the loss does not depend on it"
    if steps == 0:
        return "one step: nothing flows through time"
    ratio = first / last
    kind = "vanishes" if ratio < VANISHED else "explodes" if ratio > EXPLODED else "flows"
    if ratio == 0:
        return f"vanishes: nothing is left {steps} steps back"
    return f"{kind}: x {ratio:.2g} over {steps} steps, x {ratio ** (1 / steps):.3g} a step"
