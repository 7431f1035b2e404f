"""The bridge: the only room where tables and arrays become tensors.

The encoders of visits and signals bring the data tower, so they are imported when they are asked
for; a batch alone needs numpy and torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sequela.batches.batch import Batch, PackedOrder, gather_ragged, packed_order
from sequela.batches.lists import from_array, from_lists
from sequela.batches.sampler import EpochSampler, balanced_weights
from sequela.batches.samples import RaggedSamples, Samples, target_tensor

if TYPE_CHECKING:
    from sequela.batches.signals import SignalEncoder
    from sequela.batches.values import ValueEncoder, ValueSamples
    from sequela.batches.visits import VisitEncoder, VisitSamples

__all__ = [
    "Batch",
    "EpochSampler",
    "PackedOrder",
    "RaggedSamples",
    "Samples",
    "SignalEncoder",
    "ValueEncoder",
    "ValueSamples",
    "VisitEncoder",
    "VisitSamples",
    "balanced_weights",
    "from_array",
    "from_lists",
    "gather_ragged",
    "packed_order",
    "target_tensor",
]

_LATER = {
    "SignalEncoder": "signals",
    "ValueEncoder": "values",
    "ValueSamples": "values",
    "VisitEncoder": "visits",
    "VisitSamples": "visits",
}


def __getattr__(name: str) -> Any:
    """The encoders, on first use."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
