"""Sets of labels as sequences of tokens, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from sequela.nn.attention import Memory
from sequela.nn.decoder import Decoder
from sequela.nn.search import Hypotheses
from sequela.ops.reduce import softmax

__all__ = ["as_sequences", "drawn", "jaccard", "membership", "policy_losses", "set_scores"]


def as_sequences(target: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The labels of each row by their numbers, int64 ``[B, L]``, and how many there are, ``[B]``.

    Args:
        target: ``[B, C]`` of 0 and 1; NaN, where a label is not known, counts as 0.
        most: labels behind this number of them are left out.
    """
    held = target == 1
    lengths = held.sum(1).clamp(max=most)
    order = held.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
    return order[:, : int(lengths.max()) if len(lengths) else 0], lengths


def membership(tokens: Tensor, lengths: Tensor, classes: int) -> Tensor:
    """Bool ``[B, classes]``: which labels occur among the first ``lengths`` tokens ``[B, L]``."""
    there = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
    # What is not there goes to a column of its own.
    places = torch.where(there, tokens, classes)
    found = torch.zeros(len(tokens), classes + 1, dtype=torch.bool, device=tokens.device)
    return found.scatter(1, places, True)[:, :classes]


def jaccard(found: Tensor, target: Tensor) -> Tensor:
    """``|A and B| / |A or B|`` of each row ``[B]``, 1 for two empty sets.

    Args:
        found: bool ``[B, C]``.
        target: ``[B, C]`` of 0 and 1.
    """
    held = target == 1
    together = (found | held).sum(1)
    return torch.where(together > 0, (found & held).sum(1) / together.clamp(min=1), 1.0)


@torch.no_grad()
def drawn(decoder: Decoder, hidden: Tensor, memory: Memory, most: int) -> tuple[Tensor, Tensor]:
    """A sequence of each row as the decoder itself would say it by chance.

    Args:
        decoder: draws from its own answers, token by token.
        hidden: ``[B, H]``, its first state.
        memory: of B rows.
        most: tokens at most.

    Returns:
        int64 ``[B, L]`` with -1 behind the end, and ``[B]``, how many there are.
    """
    state = decoder.begin(hidden, memory)
    token = torch.full((len(hidden),), decoder.end + 1, device=hidden.device)
    open_, found = torch.ones_like(token, dtype=torch.bool), []
    for _ in range(most):
        logits, state, _ = decoder.step(token, state, memory)
        token = torch.multinomial(torch.softmax(logits.float(), dim=1), 1).squeeze(1)
        open_ &= token != decoder.end
        if not bool(open_.any()):
            break
        found.append(torch.where(open_, token, -1))
    tokens = torch.stack(found, dim=1) if found else token.new_zeros(len(hidden), 0)
    return tokens, (tokens >= 0).sum(1)


def policy_losses(
    decoder: Decoder,
    target: Tensor,
    usual: Hypotheses,
    hidden: Tensor,
    memory: Memory,
    most: int,
) -> Tensor:
    """``-(J(drawn) - J(usual)) log p(drawn)`` of each row ``[B]`` (Rennie et al., CVPR 2017).

    Args:
        decoder: draws a set, and says how probable it was.
        target: ``[B, C]`` of 0 and 1.
        usual: the sets that a drawn one must be better than.
        hidden: ``[B, H]``, the decoder's first state.
        memory: of B rows.
        most: labels of a set.
    """
    tokens, lengths = drawn(decoder, hidden.detach(), memory, most)
    reward = jaccard(membership(tokens, lengths, target.shape[1]), target)
    held = membership(usual.tokens[:, 0], usual.lengths[:, 0], target.shape[1])
    told = tokens.clamp(min=0)
    losses = decoder.losses(told, lengths, hidden, memory)
    return (reward - jaccard(held, target)) * losses


def set_scores(decoder: Decoder, found: Hypotheses, hidden: Tensor, memory: Memory) -> Tensor:
    """``[B, C]``: the largest probability of each label along the best set, less 1 outside of it.

    Arguments as of :func:`policy_losses`.
    """
    tokens, lengths = found.tokens[:, 0], found.lengths[:, 0]
    tokens = tokens[:, : int(lengths.max()) if len(tokens) else 0]
    logits, _ = decoder(tokens.clamp(min=0), hidden, memory)
    there = torch.arange(logits.shape[1], device=tokens.device) <= lengths[:, None]
    chances = torch.where(there[..., None], softmax(logits), 0.0).amax(dim=1)[:, :-1]
    return chances - (~membership(tokens, lengths, decoder.tokens)).to(chances.dtype)
