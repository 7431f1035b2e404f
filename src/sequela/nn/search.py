"""Greedy and beam search: the best sequences that a step-by-step model can say.

All rows are searched at once and none sees another: what is found for a row, and its score, has the
same bits whoever else is searched for, provided that the step's logits have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sequela.errors import ConfigError, DataError
from sequela.ops.reduce import log_softmax

__all__ = ["Hypotheses", "Step", "beam_search"]

_NEVER = float("-inf")
# A finite cost can be stored with a model's weights, which infinity cannot.
_FORBIDS = 1e6

#: From the tokens before ``[R]`` and the state to the logits ``[R, V + 1]`` and the state.
Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


class Hypotheses(NamedTuple):
    """The sequences found for each row, the best one first.

    Args:
        tokens: int64 ``[B, K, L]``, without the end; -1 behind it.
        lengths: int64 ``[B, K]``.
        scores: ``[B, K]``, the log-probability with its penalties; -inf where fewer were found.
    """

    tokens: Tensor
    lengths: Tensor
    scores: Tensor


class _Beam(NamedTuple):
    """What is known of the K open sequences of each row; the first two axes are ``[B, K]``."""

    totals: Tensor
    tokens: Tensor
    chosen: Tensor
    costs: Tensor


def beam_search(
    step: Step,
    state: Any,
    rows: int,
    tokens: int,
    *,
    most: int,
    beam: int = 1,
    length_power: float = 0.0,
    coverage_weight: float = 0.0,
    coverage: Callable[[Any], Tensor] | None = None,
    no_repeat: bool = False,
    pair_costs: Tensor | None = None,
    never: Sequence[int] = (),
    device: torch.device | str = "cpu",
) -> Hypotheses:
    """The ``beam`` best sequences of each row; one is greedy search.

    A sequence y of n tokens scores ``(sum of log p - costs of its pairs) / ((5 + n) / 6)^power``
    (Wu et al. 2016), plus ``weight`` times the number of steps of the memory whose attention sums
    to more than one half (Chorowski and Jaitly 2016). The end counts as a token of the sum, not
    of n.

    Args:
        step: the model; the states' first axis is the row, ``rows * beam`` of them.
        state: a tensor or a tuple of tensors, before the first token, already for ``rows * beam``
            rows: ``beam`` equal ones behind each other.
        rows: B.
        tokens: V; V ends a sequence, V + 1 begins one.
        most: tokens that a sequence may have.
        beam: K; with 1, the best of what stands on the way that is always the most probable.
        length_power: 0 prefers short sequences; 1 counts the log-probability of each token.
        coverage_weight: what a step of the memory that was read is worth.
        coverage: from the state to the attention so far ``[R, T]``; with a weight.
        no_repeat: no token twice in a sequence. Probabilities stay the model's own: what it would
            give to a repetition goes to nobody.
        pair_costs: ``[V, V]``, what it costs to have both tokens in a sequence, whichever comes
            first (the two entries are added up); 1e6 or more, infinity too, forbids the pair.
        never: tokens that no sequence may have, such as one for what is not known.
        device: of the tokens.

    Raises:
        ConfigError: a number out of range, or a weight without a coverage.
        DataError: costs of another shape, or negative or NaN.
    """
    if min(beam, most, tokens) < 1:
        raise ConfigError("a search", got="a beam or length below 1", wanted="at least 1")
    if length_power < 0 or (coverage_weight and coverage is None):
        raise ConfigError("a search", wanted="length_power from 0; a coverage with its weight")
    costs = _symmetric(pair_costs, tokens)
    search = _Search(
        rows,
        tokens,
        most,
        beam,
        length_power,
        coverage_weight,
        coverage,
        no_repeat,
        costs,
        tuple(never),
    )
    with torch.no_grad():
        return search.run(step, state, device)


def _symmetric(costs: Tensor | None, tokens: int) -> Tensor | None:
    if costs is None:
        return None
    if costs.shape != (tokens, tokens) or bool((costs < 0).any()) or bool(costs.isnan().any()):
        raise DataError(
            "the costs of pairs",
            got=f"shape {list(costs.shape)}, or a negative number",
            wanted=f"[{tokens}, {tokens}], numbers of at least 0",
        )
    both = costs + costs.T
    return torch.where(both >= _FORBIDS, float("inf"), both)


def _taken(state: Any, places: Tensor) -> Any:
    if isinstance(state, Tensor):
        return state[places]
    parts = [_taken(part, places) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


@dataclass(frozen=True)
class _Search:
    """One search; arguments as of :func:`beam_search`."""

    rows: int
    tokens: int
    most: int
    beam: int
    power: float
    weight: float
    coverage: Callable[[Any], Tensor] | None
    no_repeat: bool
    costs: Tensor | None
    never: tuple[int, ...]

    def run(self, step: Step, state: Any, device: torch.device | str) -> Hypotheses:
        """Token by token; a row that is finished takes in nothing more."""
        token = torch.full((self.rows * self.beam,), self.tokens + 1, device=device)
        beam: _Beam | None = None
        done = None
        for count in range(self.most + 1):
            logits, state = step(token, state)
            beam = self._start(logits) if beam is None else beam
            chances = log_softmax(logits).view(self.rows, self.beam, self.tokens + 1)
            totals = beam.totals[..., None] + chances
            done = self._finish(done, beam, totals[..., self.tokens], count, state)
            if count == self.most or self._all_closed(done, beam):
                break
            beam, parents = self._extend(beam, totals[..., : self.tokens])
            state = _taken(state, parents)
            token = beam.tokens[:, :, -1].reshape(-1)
        assert done is not None
        return done

    def _start(self, logits: Tensor) -> _Beam:
        shape = (self.rows, self.beam)
        # The first one alone is open: equal ones would find the same K times.
        totals = logits.new_full(shape, _NEVER)
        totals[:, :1] = 0.0
        return _Beam(
            totals,
            torch.zeros(*shape, 0, dtype=torch.int64, device=logits.device),
            torch.zeros(*shape, self.tokens, dtype=torch.bool, device=logits.device),
            logits.new_zeros(*shape, self.tokens),
        )

    def _finish(
        self, done: Hypotheses | None, beam: _Beam, totals: Tensor, count: int, state: Any
    ) -> Hypotheses:
        """The K best of those that ended before and those that end now."""
        scores = totals / self._norm(count)
        if self.weight and self.coverage is not None:
            read = (self.coverage(state) > 0.5).sum(1).view(self.rows, self.beam)
            scores = scores + self.weight * read.to(scores.dtype)
        behind = beam.tokens.new_full((self.rows, self.beam, self.most - count), -1)
        new = Hypotheses(
            torch.cat([beam.tokens, behind], dim=2),
            torch.full_like(beam.totals, count, dtype=torch.int64),
            scores,
        )
        if done is None:
            both = new
        else:
            closed = self._closed(done, beam)
            new = new._replace(scores=torch.where(closed[:, None], _NEVER, new.scores))
            both = Hypotheses(*(torch.cat(pair, dim=1) for pair in zip(done, new, strict=True)))
        order = both.scores.argsort(dim=1, descending=True, stable=True)[:, : self.beam]
        return Hypotheses(
            both.tokens.gather(1, order[..., None].expand(-1, -1, self.most)),
            both.lengths.gather(1, order),
            both.scores.gather(1, order),
        )

    def _norm(self, count: int) -> float:
        return ((5 + count) / 6) ** self.power

    def _closed(self, done: Hypotheses, beam: _Beam) -> Tensor:
        """Bool ``[B]``: no open sequence can come among the K best any more."""
        if self.weight:
            return torch.zeros(self.rows, dtype=torch.bool, device=beam.totals.device)
        # A total only falls, and nothing divides it by more than the greatest length does.
        hope = beam.totals.amax(dim=1) / self._norm(self.most)
        return hope <= done.scores[:, -1]

    def _all_closed(self, done: Hypotheses, beam: _Beam) -> bool:
        return bool(self._closed(done, beam).all())

    def _extend(self, beam: _Beam, totals: Tensor) -> tuple[_Beam, Tensor]:
        """The K best sequences that go on, and the row each of them comes from."""
        if self.no_repeat:
            totals = totals.masked_fill(beam.chosen, _NEVER)
        if self.never:
            totals = totals.clone()
            totals[..., list(self.never)] = _NEVER
        totals = (totals - beam.costs).flatten(1)
        # Equal ones stay in their order, as far as they are among the best: a whole sort is dear.
        order = totals.topk(self.beam, dim=1).indices.sort(dim=1).values
        ranks = totals.gather(1, order).argsort(dim=1, descending=True, stable=True)
        order = order.gather(1, ranks)
        best = totals.gather(1, order)
        parent, token = order // self.tokens, order % self.tokens
        first = torch.arange(self.rows, device=order.device)[:, None] * self.beam
        places = (first + parent).flatten()
        tokens, chosen, costs = (
            part.flatten(0, 1)[places].view(self.rows, self.beam, *part.shape[2:])
            for part in beam[1:]
        )
        chosen = chosen.scatter(2, token[..., None], True)
        if self.costs is not None:
            costs = costs + self.costs[token].to(costs.dtype)
        return _Beam(best, torch.cat([tokens, token[..., None]], dim=2), chosen, costs), places
