"""A recurrent layer over visits: the codes of each, pooled, beside its numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from sequela.nn.base import RecurrentLayer
from sequela.nn.embed import CodeBag
from sequela.nn.ragged import repacked
from sequela.ops.codes import code_products, computes

__all__ = ["read_visits"]

# Visits of a batch are about as many: from here on the codes' products may cost more than theirs.
_FEW_CODES = 1024


def read_visits(
    embedding: CodeBag,
    layer: RecurrentLayer,
    steps: PackedSequence,
    codes: Tensor,
    code_offsets: Tensor,
) -> PackedSequence:
    """The layer's output over ``[embedding of a visit's codes, its numbers]``.

    Sums of codes of a small vocabulary are multiplied code by code, see
    :mod:`sequela.ops.codes`; which way is taken depends on the layers alone, and so do the bits of
    a sequence, whatever else is in the batch.

    Args:
        embedding: of the codes.
        layer: reads forward, and returns the sequence.
        steps: packed ``[N, F]``, the numbers of each visit; F may be 0.
        codes: int64 ``[M]``, the codes of all visits behind each other.
        code_offsets: int64 ``[N]``, where the codes of each visit begin.
    """
    weight, table = layer.all_weights[0][0], embedding.weight
    values = steps.data.to(weight.dtype)
    few = table is not None and _is_sum_of_few(embedding, layer)
    if few and computes(table, weight, values):
        products = code_products(table, weight, codes, code_offsets, values)
        return layer.from_products(repacked(steps, products))
    pooled = embedding(codes, code_offsets).to(weight.dtype)
    return layer(repacked(steps, torch.cat([pooled, values], dim=1)))[0]


def _is_sum_of_few(embedding: CodeBag, layer: RecurrentLayer) -> bool:
    plain = not (layer.bidirectional or layer.layer_norm or layer.return_all_states)
    return plain and embedding.pooling == "sum" and embedding.vocabulary_size <= _FEW_CODES
