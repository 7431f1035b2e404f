"""The bridge: the only room where tables and arrays become tensors."""

from __future__ import annotations

from sequela.batches.batch import Batch, PackedOrder, gather_ragged, packed_order
from sequela.batches.lists import from_array, from_lists
from sequela.batches.sampler import EpochSampler, balanced_weights
from sequela.batches.samples import RaggedSamples, Samples, target_tensor

__all__ = [
    "Batch",
    "EpochSampler",
    "PackedOrder",
    "RaggedSamples",
    "Samples",
    "balanced_weights",
    "from_array",
    "from_lists",
    "gather_ragged",
    "packed_order",
    "target_tensor",
]
