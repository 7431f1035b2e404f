"""The bridge: the only room where tables and arrays become tensors."""

from __future__ import annotations

from sequela.batches.batch import Batch, PackedOrder, gather_ragged, packed_order
from sequela.batches.samples import RaggedSamples, Samples, target_tensor

__all__ = [
    "Batch",
    "PackedOrder",
    "RaggedSamples",
    "Samples",
    "gather_ragged",
    "packed_order",
    "target_tensor",
]
