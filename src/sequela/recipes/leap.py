"""LEAP: drugs said one after the other, in the light of those before and of the conditions.

Zhang, Chen, Tang, Stewart, Sun: LEAP, learning to prescribe effective and safe treatment
combinations for multimorbidity. KDD 2017. For a patient with the codes C_t and time features d_t of
the visits t, and the static features s:

    m_tk = W [E[k], d_t] + b for k in C_t          the memory: each condition on its own
    s_0  = tanh(W_0 [GRU(sum of E over C_1 ...), s] + b)
    e_ij = v . tanh(W_s s_{i-1} + U m_j + w q_ij + b);  q_ij = sum over l < i of a_lj
    a_i  = softmax over the conditions of e_i;     c_i = sum over j of a_ij m_j
    s_i  = GRU([Y[y_{i-1}], c_i], s_{i-1})
    p(y_i | y_1 ... y_{i-1}) = softmax(W_y [s_i, c_i] + b)     over all drugs and the end

Training minimises -log p of the true drugs in the order of their numbers and the end, a token's
share each. With ``policy`` a set is drawn, and ``-(J(drawn) - J(greedy)) log p(drawn)`` is added,
where J is the Jaccard index with the truth (the paper's second phase; the greedy set as the
baseline is Rennie et al., CVPR 2017). Drugs are then found by beam search, no drug twice. What the
paper does not have: q (coverage; Tu et al., ACL 2016), d, s_0 and s. *Research only.*
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sequela.nn import GRU, AdditiveAttention, CodeBag, Linear
from sequela.nn.attention import Memory
from sequela.nn.decoder import Decoder
from sequela.nn.embed import codes_of_steps
from sequela.nn.ragged import Ragged, ragged_of, repacked
from sequela.nn.search import Hypotheses
from sequela.ops.reduce import tanh
from sequela.recipes.sets import as_sequences, policy_losses, set_scores
from sequela.recipes.sizes import at_least, probability

__all__ = ["LEAP"]


class LEAP(nn.Module):
    """For each patient a set of labels (drugs), found one by one.

    Args:
        vocabulary_size: V, the unknown code (index 0) included.
        step_size: F, the width of a step's features (times); may be 0.
        static_size: S, the width of the static features; may be 0.
        classes: how many labels there are.
        embedding_size: the width of a code's, a condition's and a label's vector.
        hidden_size: H.
        most: labels that a set may have.
        beam: sequences that are followed at once; 1 is greedy.
        length_power: 0 prefers small sets, 1 counts what each label is worth (Wu et al. 2016).
        coverage: let the attention know what it has read.
        policy: what the policy gradient counts; 0 leaves it out.
        sampling: how often training goes on from its own label (scheduled sampling).
        dropout: in training, of the conditions and before the output.

    Attributes:
        pair_costs: ``[classes, classes]``, what a pair of labels costs in the search, 1e6 for
            forbidden ones; zeros until someone who has a list of interactions sets them.

    Raises:
        ConfigError: a size or probability out of range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        step_size: int,
        static_size: int,
        classes: int,
        embedding_size: int = 64,
        hidden_size: int = 64,
        most: int = 50,
        beam: int = 4,
        length_power: float = 0.0,
        coverage: bool = True,
        policy: float = 0.0,
        sampling: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        at_least(1, vocabulary_size=vocabulary_size, embedding_size=embedding_size)
        at_least(1, hidden_size=hidden_size, classes=classes, most=most, beam=beam)
        at_least(0, step_size=step_size, static_size=static_size)
        at_least(0, policy=policy, length_power=length_power)
        probability(sampling=sampling, dropout=dropout)
        self.most, self.beam, self.length_power = min(most, classes), beam, length_power
        self.policy, self.sampling = policy, sampling
        self.embedding = CodeBag(vocabulary_size, embedding_size)
        self.condition = Linear(embedding_size + step_size, embedding_size)
        self.history = GRU(embedding_size + step_size, hidden_size)
        self.first = Linear(hidden_size + static_size, hidden_size)
        self.dropout = nn.Dropout(dropout)
        attention = AdditiveAttention(hidden_size, embedding_size, hidden_size, coverage=coverage)
        self.decoder = Decoder(classes, embedding_size, hidden_size, attention, dropout=dropout)
        self.pair_costs: Tensor
        self.register_buffer("pair_costs", torch.zeros(classes, classes))

    def forward(self, batch: Any) -> Tensor:
        """``[B, classes]`` in the order of the batch: above 0 for the labels of the best set.

        A label's number is its largest probability along that set, less 1 outside of it.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``.
        """
        hidden, memory = self._read(batch)
        return set_scores(self.decoder, self._search(hidden, memory, self.beam), hidden, memory)

    def hypotheses(self, batch: Any, beam: int | None = None) -> Hypotheses:
        """The best sets of each patient, in the order of the batch; ``beam`` of them."""
        return self._search(*self._read(batch), beam or self.beam)

    def losses(self, batch: Any, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The loss of each patient ``[B]``.

        Args:
            batch: as in ``forward``, with ``target`` ``[B, classes]`` of 0 and 1.
            loss: of single answers; a sequence has its own.
        """
        hidden, memory = self._read(batch)
        targets, lengths = as_sequences(batch.target, self.most)
        truth = 1 - self.sampling * self.training
        found = self.decoder.losses(targets, lengths, hidden, memory, truth=truth) / (lengths + 1)
        if self.policy and self.training:
            greedy = self._search(hidden.detach(), memory, 1)
            extra = policy_losses(self.decoder, batch.target, greedy, hidden, memory, self.most)
            found = found + self.policy * extra
        return found

    def _search(self, hidden: Tensor, memory: Memory, beam: int) -> Hypotheses:
        extra = {"length_power": self.length_power, "pair_costs": self.pair_costs}
        most = self.most
        return self.decoder.search(hidden, memory, most=most, beam=beam, no_repeat=True, **extra)

    def _read(self, batch: Any) -> tuple[Tensor, Memory]:
        # s_0 and the memory.
        steps, begin, dtype = batch.steps, batch.code_offsets, self.first.weight.dtype
        times = steps.data.to(dtype)
        codes = self.embedding(batch.codes, begin).to(dtype)
        visits = ragged_of(self.history(repacked(steps, torch.cat([codes, times], dim=1)))[0])
        hidden = tanh(self.first(torch.cat([visits.at("last"), batch.static.to(dtype)], dim=1)))
        step = torch.repeat_interleave(codes_of_steps(batch.codes, begin))
        single = torch.cat([self.embedding.single(batch.codes).to(dtype), times[step]], dim=1)
        conditions = Ragged(self.dropout(self.condition(single)), visits.rows[step], visits.count)
        return hidden, self.decoder.attention.memory(conditions)
