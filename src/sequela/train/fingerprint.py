"""Whether a run that goes on is the run that was begun: same settings, same data, same model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sequela.batches import Samples
from sequela.errors import ConfigError
from sequela.train.settings import TrainingSettings

__all__ = ["check_same", "fingerprint", "samples_digest"]

# These change no bit of the result.
_FREE = {"progress", "checkpoint_every_steps"}
_AT_A_TIME = 256  # samples; memory only
_MADE_WITH = "made with"


def samples_digest(samples: Samples) -> str:
    """One hash of all that a model reads of these samples, and of their targets."""
    digest = hashlib.sha256()
    sizes = (len(samples), samples.step_size, samples.static_size, samples.vocabulary_size)
    digest.update(repr((sizes, str(samples.target.dtype))).encode())
    digest.update(np.ascontiguousarray(samples.lengths, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(samples.target).tobytes())
    for first in range(0, len(samples), _AT_A_TIME):
        batch = samples.batch(np.arange(first, min(len(samples), first + _AT_A_TIME)))
        asked = getattr(batch, "asked", None)
        read = (batch.steps.data, batch.codes, batch.code_offsets, batch.static, asked)
        for tensor in read:
            if tensor is not None:
                digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()


def fingerprint(
    model: nn.Module, train: Samples, tuning: Samples, settings: TrainingSettings
) -> dict[str, Any]:
    """Plain data that are equal for two runs which do the same; all of the data is read.

    What the run is made with (torch's version and number of threads) is noted beside it.

    Args:
        model: its class, and the names and shapes of its tensors count; their values do not.
        train: the training part.
        tuning: the tuning part.
        settings: all that change the result.
    """
    shapes = [
        (name, str(tensor.dtype), list(tensor.shape)) for name, tensor in model.state_dict().items()
    ]
    described = repr((type(model).__name__, shapes))
    return {
        "settings": settings.model_dump(mode="json", exclude=_FREE),
        "the training part": samples_digest(train),
        "the tuning part": samples_digest(tuning),
        "the model": hashlib.sha256(described.encode()).hexdigest(),
        _MADE_WITH: {"torch": torch.__version__, "threads": torch.get_num_threads()},
    }


def check_same(begun: Mapping[str, Any], now: Mapping[str, Any], directory: Path) -> list[str]:
    """Raises when a run would go on as another one.

    Args:
        begun: the fingerprint in the checkpoint.
        now: that of this call.
        directory: the run's folder, for the message.

    Returns:
        Lines for the user about what may change the last bits and is no reason to stop.

    Raises:
        ConfigError: something differs; the first difference is named.
    """
    before, after = begun.get("settings", {}), now["settings"]
    differing = [f"setting '{key}'" for key in after if before.get(key) != after[key]]
    named = [name for name in now if name not in ("settings", _MADE_WITH)]
    differing += [name for name in named if begun.get(name) != now[name]]
    if differing:
        raise ConfigError(
            f"the run in {directory}",
            got=f"{differing[0]} is not what the run was begun with",
            todo="Go on with the same settings and data, or choose another folder.",
        )
    made_with = begun.get(_MADE_WITH, {})
    return [
        f"{name}: {made_with[name]} when the run was begun, {value} now; the last bits may differ"
        for name, value in now[_MADE_WITH].items()
        if made_with.get(name, value) != value
    ]
