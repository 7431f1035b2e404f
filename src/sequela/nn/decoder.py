"""A decoder: one token after the other, each chosen in the light of those before it.

Tokens are numbered 0 to V - 1; number V ends a sequence, and V + 1 (never answered) begins one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sequela.errors import ConfigError, DataError
from sequela.nn.attention import Attention, Memory
from sequela.nn.cells import GRUCell
from sequela.nn.linear import Linear
from sequela.nn.search import Hypotheses, beam_search
from sequela.ops.reduce import row_sum, tanh

__all__ = ["Decoder", "DecoderState"]


class DecoderState(NamedTuple):
    """What a decoder carries from token to token; the first axis of each is the row.

    Args:
        hidden: ``[R, H]``.
        coverage: ``[R, T]``, the sum of the attention so far to each step of the memory.
        fed: ``[R, H]``, what the last answer was made of; of width 0 without input feeding.
    """

    hidden: Tensor
    coverage: Tensor
    fed: Tensor


class Decoder(nn.Module):
    """A GRU over the tokens so far, with attention to a memory.

    ``first=True`` asks with the state before the token is read (Bahdanau, Cho, Bengio 2015)::

        c_t = attend(s_{t-1});  s_t = GRU([E[y_{t-1}], c_t], s_{t-1});  a_t = W [s_t, c_t] + b

    ``first=False`` asks with the state after it (Luong, Pham, Manning 2015)::

        s_t = GRU(E[y_{t-1}], s_{t-1});  c_t = attend(s_t);  a_t = W tanh(W' [c_t, s_t]) + b

    and with ``feeding`` the GRU also reads the tanh of the step before, zeros at first, so that it
    knows what was attended to (input feeding; their section 3.3).

    Args:
        tokens: V.
        embedding_size: the width of a token's vector.
        hidden_size: H.
        attention: with questions of width H.
        first: see above.
        feeding: see above; not with ``first``, which reads the context itself.
        dropout: in training, of what the logits are made of.
        reading_dropout: in training, of the vectors of the tokens that are read.

    Raises:
        ConfigError: sizes that do not fit.
    """

    def __init__(
        self,
        tokens: int,
        embedding_size: int,
        hidden_size: int,
        attention: Attention,
        *,
        first: bool = True,
        feeding: bool = False,
        dropout: float = 0.0,
        reading_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if tokens < 1:
            raise ConfigError("tokens of a decoder", got=str(tokens), wanted="at least 1")
        if first and feeding:
            raise ConfigError("feeding of a decoder", got="first=True", wanted="first=False")
        if attention.query_size != hidden_size:
            raise ConfigError(
                "the attention of a decoder",
                got=f"questions of width {attention.query_size}",
                wanted=f"{hidden_size}, the width of the state",
            )
        self.tokens, self.first = tokens, first
        self.embedding = nn.Embedding(tokens + 2, embedding_size)
        self.attention = attention
        width = attention.memory_size
        self.fed_size = hidden_size if feeding else 0
        self.cell = GRUCell(embedding_size + (width if first else self.fed_size), hidden_size)
        self.joined = None if first else Linear(width + hidden_size, hidden_size, bias=False)
        self.dropout, self.reading_dropout = nn.Dropout(dropout), nn.Dropout(reading_dropout)
        self.output = Linear(hidden_size + (width if first else 0), tokens + 1)

    @property
    def end(self) -> int:
        """The token that ends a sequence; the one after it begins one."""
        return self.tokens

    def begin(self, hidden: Tensor, memory: Memory) -> DecoderState:
        """The state before the first token.

        Args:
            hidden: ``[R, H]``.
            memory: of R rows.
        """
        empty = hidden.new_zeros(len(hidden), self.fed_size)
        return DecoderState(hidden, hidden.new_zeros(len(hidden), memory.width), empty)

    def step(
        self, token: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """The logits ``[R, V + 1]`` of the next token, the state, and the attention ``[R, T]``.

        Args:
            token: int64 ``[R]``, the one before; V + 1 at the beginning.
            state: before it.
            memory: of R rows.
        """
        found, state, drawn = self._advanced(self.embedding(token), state, memory)
        return self.output(self.dropout(found)), state, drawn

    def _advanced(
        self, x: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """As :meth:`step`, from the vectors of the tokens to what the logits are made of."""
        if self.first:
            context, weights = self._attend(state.hidden, state, memory)
            hidden = self.cell(torch.cat([x, context], dim=1), state.hidden)
            found = torch.cat([hidden, context], dim=1)
        else:
            hidden = self.cell(torch.cat([x, state.fed], dim=1), state.hidden)
            context, weights = self._attend(hidden, state, memory)
            assert self.joined is not None
            found = tanh(self.joined(torch.cat([context, hidden], dim=1)))
        drawn = memory.padded(weights)
        fed = found if self.fed_size else state.fed
        after = DecoderState(hidden, state.coverage + drawn, fed)
        return found, after, drawn

    def _attend(self, query: Tensor, state: DecoderState, memory: Memory) -> tuple[Tensor, Tensor]:
        return self.attention(query, memory, memory.flat(state.coverage))

    def forward(
        self, targets: Tensor, hidden: Tensor, memory: Memory, *, truth: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Logits ``[R, L + 1, V + 1]`` of each token and the end, and the maps ``[R, L + 1, T]``.

        Args:
            targets: int64 ``[R, L]``; what stands behind the end of a row is not looked at.
            hidden: ``[R, H]``, the first state.
            memory: of R rows.
            truth: the probability that a step reads the true token before it (1: teacher forcing);
                else it reads one drawn from the model's own answer (scheduled sampling, Bengio et
                al. 2015), so that the model learns to go on from what it says itself.

        Raises:
            DataError: a target is no token.
        """
        found, maps = self._taught(targets, hidden, memory, truth)
        return self.output(self.dropout(found)), maps

    def losses(
        self,
        targets: Tensor,
        lengths: Tensor,
        hidden: Tensor,
        memory: Memory,
        *,
        truth: float = 1.0,
        smoothing: float = 0.0,
    ) -> Tensor:
        """Minus the log-probability of each sequence and its end, ``[R]``.

        As from the logits of :meth:`forward`, but nothing is read behind the longest row, and no
        logits are made behind the end of any: most of the work where tokens are many.

        Args:
            targets: int64 ``[R, L]``.
            lengths: int64 ``[R]``, the tokens of each row; the end is added here.
            hidden: see :meth:`forward`, as ``memory`` and ``truth``.
            memory: of R rows.
            truth: how often the true token is read.
            smoothing: the share of each step's target that is spread over all tokens (Szegedy et
                al., CVPR 2016).

        Raises:
            DataError: a target is no token.
        """
        targets = targets[:, : int(lengths.max()) if len(lengths) else 0]
        found, _ = self._taught(targets, hidden, memory, truth)
        asked, wanted = _asked(targets, lengths, self.end)
        logits = self.output(self.dropout(found[asked]))
        losses = functional.cross_entropy(
            logits, wanted[asked], reduction="none", label_smoothing=smoothing
        )
        return row_sum(losses[:, None], asked.nonzero()[:, 0], len(targets))[:, 0]

    def _taught(
        self, targets: Tensor, hidden: Tensor, memory: Memory, truth: float
    ) -> tuple[Tensor, Tensor]:
        """What the logits are made of ``[R, L + 1, F]``, and the maps ``[R, L + 1, T]``."""
        if targets.numel() and not bool(((targets >= 0) & (targets <= self.end)).all()):
            raise DataError("the targets of a decoder", wanted=f"tokens from 0 to {self.end}")
        begin = targets.new_full((len(targets), 1), self.end + 1)
        read = self.embedding(torch.cat([begin, targets], dim=1))
        state, found, maps = self.begin(hidden, memory), [], []
        for x in self.reading_dropout(read).unbind(1):
            if truth < 1 and found:
                kept = torch.rand(len(x), 1, device=x.device) < truth
                x = torch.where(kept, x, self._drawn(found[-1]))
            one, state, drawn = self._advanced(x, state, memory)
            found.append(one)
            maps.append(drawn)
        return torch.stack(found, dim=1), torch.stack(maps, dim=1)

    def search(
        self, hidden: Tensor, memory: Memory, *, most: int, beam: int = 1, **options: Any
    ) -> Hypotheses:
        """The best sequences of each row, see :func:`~sequela.nn.search.beam_search`.

        Args:
            hidden: ``[R, H]``, the first state.
            memory: of R rows.
            most: tokens that a sequence may have.
            beam: sequences of a row that are followed, and found.
            options: of the search; a coverage is that of the attention.
        """
        rows = torch.arange(len(hidden), device=hidden.device).repeat_interleave(beam)
        copies = memory.of_rows(rows)
        return beam_search(
            lambda token, state: self.step(token, state, copies)[:2],
            self.begin(hidden[rows], copies),
            len(hidden),
            self.tokens,
            most=most,
            beam=beam,
            coverage=lambda state: state.coverage,
            device=hidden.device,
            **options,
        )

    def _drawn(self, found: Tensor) -> Tensor:
        """The vectors of tokens drawn from the model's own answer."""
        with torch.no_grad():
            own = torch.softmax(self.output(found).float(), dim=1)
        return self.reading_dropout(self.embedding(torch.multinomial(own, 1).squeeze(1)))


def _asked(targets: Tensor, lengths: Tensor, end: int) -> tuple[Tensor, Tensor]:
    """Which steps count, bool ``[R, L + 1]``, and the token of each: those of a row and the end."""
    wanted = torch.cat([targets, targets.new_full((len(targets), 1), end)], dim=1)
    place = torch.arange(wanted.shape[1], device=wanted.device)
    return place <= lengths[:, None], torch.where(place < lengths[:, None], wanted, end)
