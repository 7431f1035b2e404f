"""Text drawn symbol by symbol from a model of what comes next."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from sequela.errors import ConfigError

__all__ = ["write"]


@torch.no_grad()
def write(
    model: Any,
    prompt: Tensor,
    length: int,
    *,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    state: Any = None,
) -> tuple[Tensor, Any]:
    """``length`` symbols that follow, int64, and the state to go on from with the last one.

    Symbol k is drawn with a probability proportional to ``P(k)^(1 / temperature)`` among the
    ``top_k`` most probable ones (Fan, Lewis, Dauphin, ACL 2018; of equals the first), and read. The
    unknown symbol, number 0, is never written. ``write(m, a, i + j)`` is ``b, s = write(m, a, i)``
    and then ``write(m, b[-1:], j, state=s)``, with the same generator.

    Args:
        model: :class:`~sequela.recipes.CharLM`, in evaluation mode.
        prompt: int64 ``[T]``, what is read first, at least one symbol.
        length: how many are drawn, at least 1.
        generator: of the draws; on the CPU.
        temperature: below 1 nearer to the most probable symbol, which is always taken at 0.
        top_k: how many of the most probable ones may be drawn; None for all.
        state: after what was read before the prompt; zeros by default.

    Raises:
        ConfigError: nothing to read or to write, a number out of range, or a model that knows no
            symbol.
    """
    fine = math.isfinite(temperature) and temperature >= 0
    if min(len(prompt), length) < 1 or not fine or (top_k is not None and top_k < 1):
        raise ConfigError(
            "writing", wanted="a prompt and a length; a finite temperature from 0, top_k from 1"
        )
    if model.output.out_features < 2:
        raise ConfigError("writing", got="a model that knows no symbol", wanted="one of some")
    stepper = model.recurrent.stepper(1)
    if state is not None:
        stepper.state = state
    hidden = [stepper(model.embedding(one[None])) for one in prompt][-1]
    found = torch.empty(length, dtype=torch.int64)
    for place in range(length):
        if place:
            hidden = stepper(model.embedding(found[place - 1 : place]))
        logits = model.output(hidden)[0].double()
        logits[0] = float("-inf")
        found[place] = _drawn(logits, temperature, top_k, generator)
    return found, stepper.state


def _drawn(
    logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator
) -> Tensor:
    if top_k is not None and top_k < len(logits):
        others = logits.argsort(descending=True, stable=True)[top_k:]
        logits = logits.index_fill(0, others, float("-inf"))
    if temperature == 0:
        return logits.argmax()
    # From the greatest down: however small the temperature, nothing becomes infinity less infinity.
    scaled = (logits - logits.max()) / temperature
    return torch.multinomial(torch.softmax(scaled, 0), 1, generator=generator)[0]
