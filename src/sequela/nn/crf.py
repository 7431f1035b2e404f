"""A linear-chain conditional random field: tags that are judged together, step by step.

Lafferty, McCallum, Pereira (ICML 2001). With the emissions ``x_t [K]`` of T steps, the tags
``y_1 ... y_T`` have the score and the probability::

    s(y)     = a[y_1] + sum over t of x_t[y_t] + sum over t > 1 of M[y_(t-1), y_t] + b[y_T]
    log P(y) = s(y) - log Z,      Z = sum over all tag sequences y' of exp(s(y'))

Z comes from the forward algorithm, the best tags from Viterbi's, the probability of a tag at a step
from the forward and the backward algorithm (Rabiner, Proc. IEEE 77 (1989) 257): by rescaled
products (:mod:`sequela.nn.chain`), and in log space for sequences whose emissions lie too far apart
for these. What is not legal has the score minus infinity: it is never found and has probability 0,
however the emissions lie. Sequences are ragged: a step that is not there is never computed, and a
sequence of length 0 has one way to be tagged, of probability 1. In inference a sequence's results
have the same bits whoever else is in the batch, where :mod:`sequela.ops.reduce` says so.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.errors import ConfigError, DataError
from sequela.nn.chain import backwards, forwards, mixing_steps, room, shares, spread, ways
from sequela.nn.ragged import Ragged, ragged_of
from sequela.ops.linear import linear
from sequela.ops.reduce import exp, log_softmax, row_sum

__all__ = ["CRF", "Legal", "Tagging", "legal_tags"]

_NEVER = float("-inf")
#: The letters of a label's tags in the order of their numbers; as in ``sequela.notes.tags``.
_LETTERS = {"bio": "BI", "bioes": "BIES"}


class Legal(NamedTuple):
    """What may stand where; true is legal.

    Args:
        start: bool ``[K]``, tags of a first step.
        transitions: bool ``[K, K]``, from the tag before to the tag behind.
        end: bool ``[K]``, tags of a last step.
    """

    start: Tensor
    transitions: Tensor
    end: Tensor


class Tagging(NamedTuple):
    """The best tags of each sequence.

    Args:
        tags: int64 ``[N]``, in packed order.
        scores: ``[B]``, ``s(y)`` in the order of the batch; 0 for length 0.
    """

    tags: Tensor
    scores: Tensor


def legal_tags(labels: int, scheme: str = "bioes") -> Legal:
    """What BIO or BIOES allows.

    Tag 0 is O; behind it come the tags of one label after the other: B and I, or B, I, E and S. B
    begins a span, I and E go on with one of the same label, E ends it, S is a span of one step.

    Args:
        labels: how many.
        scheme: "bio" or "bioes".

    Raises:
        ConfigError: no label, or another scheme.
    """
    if labels < 1 or scheme not in _LETTERS:
        raise ConfigError(
            "tags", got=f"{labels} labels in '{scheme}'", wanted="at least 1 in 'bio' or 'bioes'"
        )
    tags = [("O", 0)] + [(letter, n) for n in range(labels) for letter in _LETTERS[scheme]]
    closing = "OBI" if scheme == "bio" else "OES"
    opens = [letter in "OBS" for letter, _ in tags]
    closes = [letter in closing for letter, _ in tags]
    # Plain lists: on torch's device "meta", where bundles are checked, arithmetic loads its
    # compiler, which takes seconds and 80 MB in each process.
    transitions = [
        [
            (closed and opened) or (one[0] in "BI" and other[0] in "IE" and one[1] == other[1])
            for other, opened in zip(tags, opens, strict=True)
        ]
        for one, closed in zip(tags, closes, strict=True)
    ]
    return Legal(torch.tensor(opens), torch.tensor(transitions), torch.tensor(closes))


def _log_sum(x: Tensor) -> Tensor:
    """``log(sum(exp(x)))`` over the last axis; minus infinity, and no gradient, where all are."""
    peak = x.detach().amax(-1)
    dead = peak == _NEVER
    x = torch.where(dead[..., None], 0.0, x)
    if x.requires_grad:
        return torch.where(dead, _NEVER, torch.logsumexp(x, -1))
    # The greatest share is exp(peak) / sum(exp(x)); it is the library that computes it.
    return torch.where(dead, _NEVER, peak - log_softmax(x).amax(-1))


def _log(x: Tensor) -> Tensor:
    """The logarithm of numbers ``[n]`` that are not negative; no gradient where one is 0."""
    if not x.requires_grad:
        # One by one: torch's vectors round differently at the end of an array.
        found = [math.log(value) if value else _NEVER for value in x.tolist()]
        return x.new_tensor(found)
    dead = x == 0
    return torch.where(dead, _NEVER, torch.where(dead, 1.0, x).log())


class CRF(nn.Module):
    """Scores of tags and of their order, and what follows from them.

    Args:
        tags: K.
        legal: what may stand where; everything by default.

    Attributes:
        start: ``a [K]``; end: ``b [K]``; transitions: ``M [K, K]``, from the tag before to the tag
            behind; all uniform between -0.1 and 0.1 at first. Those that are not legal are never
            looked at.

    Raises:
        ConfigError: no tag, or ``legal`` of other shapes.
    """

    start: nn.Parameter
    transitions: nn.Parameter
    end: nn.Parameter
    legal_start: Tensor
    legal_transitions: Tensor
    legal_end: Tensor

    def __init__(self, tags: int, *, legal: Legal | None = None) -> None:
        super().__init__()
        if tags < 1:
            raise ConfigError("tags of a CRF", got=str(tags), wanted="at least 1")
        shapes = ((tags,), (tags, tags), (tags,))
        if legal is None:
            legal = Legal(*(torch.ones(shape, dtype=torch.bool) for shape in shapes))
        for name, part, shape in zip(Legal._fields, legal, shapes, strict=True):
            if part.shape != shape or part.dtype != torch.bool:
                raise ConfigError(
                    f"legal {name} of a CRF",
                    got=f"{part.dtype} of shape {list(part.shape)}",
                    wanted=f"bool of shape {list(shape)}",
                )
            self.register_buffer(f"legal_{name}", part.clone(), persistent=False)
            self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-0.1, 0.1)))
        self.tags = tags
        # Of what is legal; found when it is first asked for, since on "meta" there are no values.
        self._mixing: list[int | None] = []

    def forward(self, emissions: PackedSequence, tags: Tensor) -> Tensor:
        """``log P(y)`` of each sequence, ``[B]`` in the order of the batch; 0 for length 0.

        Args:
            emissions: packed ``[N, K]``; with rows of length 0 its ``sorted_indices`` are longer
                than ``batch_sizes[0]``.
            tags: int64 ``[N]``, in packed order.

        Raises:
            DataError: shapes do not fit, or the tags are not legal.
        """
        steps = self._ragged(emissions)
        if tags.shape != steps.rows.shape or tags.dtype != torch.int64:
            raise DataError(
                "tags",
                got=f"{tags.dtype} of shape {list(tags.shape)}",
                wanted=f"int64 of shape [{len(steps.rows)}], one for each step",
            )
        if len(tags) and not 0 <= int(tags.min()) <= int(tags.max()) < self.tags:
            raise DataError("tags", got="a number out of range", wanted=f"0 to {self.tags - 1}")
        return self._score(emissions, steps, tags) - self.log_partition(emissions)

    def log_partition(self, emissions: PackedSequence) -> Tensor:
        """``log Z`` of each sequence, ``[B]``; 0 for length 0."""
        steps, sizes = self._ragged(emissions), emissions.batch_sizes.tolist()
        far = self._far(steps)
        if far is None:
            return self._total(steps, sizes)
        found = self._total_of_logs(steps, self._alphas(steps.data, sizes))
        return found if found.requires_grad else torch.where(far, found, self._total(steps, sizes))

    def marginals(self, emissions: PackedSequence) -> Tensor:
        """``[N, K]``, the probability of each tag at each step, in packed order."""
        steps, sizes = self._ragged(emissions), emissions.batch_sizes.tolist()
        far = self._far(steps)
        if far is None:
            return self._shares(steps, sizes)
        alphas = self._alphas(steps.data, sizes)
        totals = self._total_of_logs(steps, alphas)
        found = exp(alphas + self._betas(steps.data, sizes) - totals[steps.rows][:, None])
        if found.requires_grad:
            return found
        return torch.where(far[steps.rows][:, None], found, self._shares(steps, sizes))

    @torch.no_grad()
    def best(self, emissions: PackedSequence) -> Tagging:
        """The tags of the greatest score, by Viterbi's algorithm.

        Of equal ones, those of the lower numbers, from the end backwards.
        """
        steps = self._ragged(emissions)
        sizes = emissions.batch_sizes.tolist()
        tops = self._tops(steps.data, sizes)
        into, end = self._legal("transitions").T.contiguous(), self._legal("end")
        tags: list[Tensor] = []
        scores: list[Tensor] = []
        for t in reversed(range(len(sizes))):
            alive = sizes[t + 1] if t + 1 < len(sizes) else 0
            score, last = (tops[t][alive:] + end).max(-1)
            scores.append(score)
            if alive:
                # Where the best way came from is asked for the tags of that way alone.
                before = (tops[t][:alive] + into[tags[-1]]).argmax(-1)
                last = torch.cat([before, last])
            tags.append(last)
        found = steps.data.new_zeros(steps.count)
        if not tags:
            return Tagging(steps.rows, found)
        # The longest rows ended last and stand first.
        found[steps.rows[: sizes[0]]] = torch.cat(scores)
        return Tagging(torch.cat(tags[::-1]), found)

    def _ragged(self, emissions: PackedSequence) -> Ragged:
        steps = ragged_of(emissions)
        if steps.data.dim() != 2 or steps.data.shape[1] != self.tags:
            raise DataError(
                "the emissions", got=f"shape {list(steps.data.shape)}", wanted=f"[N, {self.tags}]"
            )
        return Ragged(steps.data.to(self.transitions.dtype), steps.rows, steps.count)

    def _legal(self, name: str) -> Tensor:
        return getattr(self, name).masked_fill(~getattr(self, f"legal_{name}"), _NEVER)

    def _alphas(self, data: Tensor, sizes: list[int]) -> Tensor:
        """``[N, K]``: the logarithm of the sum over all ways to a tag, its emission included."""
        if not sizes:
            return data
        into = self._legal("transitions").T.contiguous()
        each = data.split(sizes)
        found = [self._legal("start") + each[0]]
        for x in each[1:]:
            found.append(_log_sum(found[-1][: len(x), None] + into) + x)
        return torch.cat(found)

    def _betas(self, data: Tensor, sizes: list[int]) -> Tensor:
        """``[N, K]``: the logarithm of the sum over all ways from a tag on, without its own."""
        if not sizes:
            return data
        transitions, end = self._legal("transitions"), self._legal("end")
        each = data.split(sizes)
        found = [end.expand(sizes[-1], -1)]
        for size, x in zip(sizes[-2::-1], each[:0:-1], strict=True):
            going = _log_sum((x + found[-1])[:, None] + transitions)
            found.append(torch.cat([going, end.expand(size - len(x), -1)]))
        return torch.cat(found[::-1])

    def _tops(self, data: Tensor, sizes: list[int]) -> list[Tensor]:
        """Of each time: the score of the best way to each tag."""
        if not sizes:
            return []
        into = self._legal("transitions").T.contiguous()
        each = data.split(sizes)
        tops = [self._legal("start") + each[0]]
        for x in each[1:]:
            tops.append((tops[-1][: len(x), None] + into).amax(-1) + x)
        return tops

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        return self._legal("start"), self._legal("transitions"), self._legal("end")

    def _far(self, steps: Ragged) -> Tensor | None:
        """Bool ``[B]``, which rows are left to log space; None for none of them."""
        if not self._mixing:
            self._mixing.append(mixing_steps(self.legal_transitions))
        near = spread(steps.data) <= room(*self._scores(), self._mixing[0])
        if bool(near.all()):
            return None
        far = torch.zeros(steps.count, dtype=torch.bool, device=near.device)
        far[steps.rows[~near]] = True
        return far

    def _total(self, steps: Ragged, sizes: list[int]) -> Tensor:
        """``log Z [B]`` by products."""
        if not sizes:
            return steps.data.new_zeros(steps.count)
        chain, x = ways(*self._scores()), steps.data.double()
        tops = x.detach().amax(1)
        v, scales = forwards(exp(x - tops[:, None]), sizes, chain)
        last = linear(Ragged(v, steps.rows, steps.count).at("last"), chain.end[None]).squeeze(1)
        start, transition, end = chain.logs
        each = (tops + _log(scales) + transition)[:, None]
        logs = row_sum(each, steps.rows, steps.count).squeeze(1) - transition + start + end
        found = torch.where(steps.lengths() > 0, _log(last) + logs, 0.0)
        return found.to(steps.data.dtype)

    def _shares(self, steps: Ragged, sizes: list[int]) -> Tensor:
        """The probability of each tag at each step ``[N, K]``, by products."""
        if not sizes:
            return steps.data
        chain, x = ways(*self._scores()), steps.data.double()
        e = exp(x - x.detach().amax(1, keepdim=True))
        found = shares(forwards(e, sizes, chain)[0], backwards(e, sizes, chain))
        return found.to(steps.data.dtype)

    def _total_of_logs(self, steps: Ragged, alphas: Tensor) -> Tensor:
        last = Ragged(alphas, steps.rows, steps.count)
        found = _log_sum(last.at("last") + self._legal("end"))
        return torch.where(last.lengths() > 0, found, 0.0)

    def _score(self, emissions: PackedSequence, steps: Ragged, tags: Tensor) -> Tensor:
        """``s(y)``, ``[B]``."""
        score = steps.data.gather(1, tags[:, None]).squeeze(1)
        sizes = emissions.batch_sizes
        if not len(sizes):
            return score.new_zeros(steps.count)
        first = int(sizes[0])
        later = torch.arange(first, len(tags), device=tags.device)
        earlier = later - torch.repeat_interleave(sizes[:-1], sizes[1:]).to(tags.device)
        before = tags[earlier]
        ends = torch.ones_like(tags, dtype=torch.bool)
        ends[earlier] = False
        legal = (
            self.legal_start[tags[:first]].all()
            & self.legal_transitions[before, tags[later]].all()
            & self.legal_end[tags[ends]].all()
        )
        if not bool(legal):
            raise DataError("tags", got="an order that is not legal", wanted="tags as 'legal' has")
        order = torch.cat([self.start[tags[:first]], self.transitions[before, tags[later]]])
        total = score.new_zeros(steps.count).index_add(0, steps.rows, score + order)
        return total.index_add(0, steps.rows[ends], self.end[tags[ends]])

    def extra_repr(self) -> str:
        """The size, for ``print(model)``."""
        return str(self.tags)
