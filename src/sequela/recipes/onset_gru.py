"""Early detection of the onset of a disease: a recurrent layer over the codes of each visit.

Choi, Schuetz, Stewart, Sun: Using recurrent neural network models for early detection of heart
failure onset. JAMIA 24 (2017) 361. For visit t with the codes C_t, its time features d_t and the
static features s of a patient:

    e_t = sum over v in C_t of E[v]            the multi-hot visit times the embedding matrix
    x_t = [e_t, d_t]
    h_t = GRU(x_t, h_{t-1})                    h_0 = 0; a patient without visits keeps it
    y   = w . [pool(h_1 ... h_T), s] + b       the logit of onset; pool is h_T in the paper

The paper's d_t is the time since the last visit; here it is whatever the samples bring.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from sequela.nn.embed import CodeBag
from sequela.nn.heads import Head, Pool, WithoutSteps
from sequela.nn.visits import read_visits
from sequela.recipes.answers import AnswerName, answer_layer
from sequela.recipes.cells import CellName, recurrent
from sequela.recipes.sizes import at_least, probability

__all__ = ["OnsetGRU"]


class OnsetGRU(nn.Module):
    """One logit for each patient from the codes and times of the visits and the static features.

    Args:
        vocabulary_size: V, the unknown code (index 0) included.
        step_size: F, the width of a step's features (times); may be 0.
        static_size: S, the width of the static features; may be 0.
        embedding_size: the width of a code's vector.
        code_pooling: how the codes of a visit become one vector: "sum" (the paper), "mean", "max",
            or "multi_hot", zeros and ones as wide as the vocabulary.
        hidden_size: H.
        layers: stacked recurrent layers.
        dropout: in training, between the layers and before the output.
        pooling: "last" (the paper), "mean", "max", "attention", or several ("last+max").
        cell: "gru" (reset after the product), "gru_before" (the textbook form), "lstm" or "rnn".
        classes: 2 gives one logit, more give one for each; with another answer how many labels,
            intervals of time or numbers ahead.
        answer: what is answered, see :func:`sequela.recipes.answers.answer_layer`.
        quantiles: of each number ahead.
        without_visits: the state of a patient without visits: "zeros" (the paper), or "learnt".
            Where many have none and are unlike the others, only a learnt one gets them right.

    Raises:
        ConfigError: a size or probability out of range, or an unknown pooling.
    """

    def __init__(
        self,
        vocabulary_size: int,
        step_size: int,
        static_size: int,
        embedding_size: int = 64,
        code_pooling: Literal["sum", "mean", "max", "multi_hot"] = "sum",
        hidden_size: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        pooling: str = "last",
        cell: CellName = "gru",
        classes: int = 2,
        answer: AnswerName = "classes",
        quantiles: int = 1,
        without_visits: WithoutSteps = "zeros",
    ) -> None:
        super().__init__()
        at_least(1, vocabulary_size=vocabulary_size, embedding_size=embedding_size)
        at_least(1, hidden_size=hidden_size, layers=layers)
        at_least(0, step_size=step_size, static_size=static_size)
        probability(dropout=dropout)
        self.embedding = CodeBag(vocabulary_size, embedding_size, code_pooling)
        self.recurrent = recurrent(
            cell,
            self.embedding.output_size + step_size,
            hidden_size,
            layers,
            dropout,
        )
        pool = Pool(pooling, hidden_size, without_steps=without_visits)
        width = pool.output_size + static_size
        self.head = Head(pool, answer_layer(answer, width, classes, quantiles, dropout))

    def forward(self, batch: Any) -> Tensor:
        """Logits ``[B]`` (``[B, classes]`` for more than two) in the order of the batch.

        Another answer has the shape of its layer.

        Args:
            batch: has ``steps`` (packed ``[N, F]``), ``codes`` ``[M]``, ``code_offsets`` ``[N]``
                and ``static`` ``[B, S]``; with ``asked``, answers are ``[Q]``.
        """
        codes = (batch.codes, batch.code_offsets)
        states = read_visits(self.embedding, self.recurrent, batch.steps, *codes)
        static, asked = batch.static.to(states.data.dtype), getattr(batch, "asked", None)
        return self.head(states, static=static, asked=asked)
