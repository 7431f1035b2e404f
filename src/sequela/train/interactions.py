"""A user's list of pairs that do not go together: what it forbids, and what is counted by it.

No list comes with Sequela: the usual ones have licences of their own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from sequela.errors import ConfigError, DataError
from sequela.events.pairs import read_pairs
from sequela.experiments import InteractionSettings
from sequela.train.outcomes import Outcome

__all__ = ["impose", "interacting"]


def interacting(settings: InteractionSettings, outcome: Outcome) -> np.ndarray:
    """Bool ``[C, C]``, symmetric: which of the codes that are answered interact.

    Args:
        settings: with the file: CSV with ``first`` and ``second``, a pair of codes a row, once.
        outcome: one of sets.

    Raises:
        ConfigError: an outcome of another kind.
        DataError: no such file, no table, or no pair of it among the codes.
    """
    if outcome.kind != "sets":
        raise ConfigError(
            "setting 'interactions'",
            got=f"an outcome of kind '{outcome.kind}'",
            wanted="sets of codes, as of the task prescription",
            todo="Leave it out.",
        )
    path = Path(settings.pairs)
    frame = read_pairs(path, "list of interactions", ("first", "second"))
    place = {name: number for number, name in enumerate(outcome.names)}
    found = np.zeros((len(place), len(place)), bool)
    for one, other in frame.iter_rows():
        if one in place and other in place and one != other:
            found[place[one], place[other]] = found[place[other], place[one]] = True
    if not found.any():
        raise DataError(
            f"list of interactions {path.name}",
            got="no pair of codes that are answered",
            wanted="codes as the data set writes them",
        )
    return found


def impose(model: nn.Module, pairs: np.ndarray, cost: float) -> None:
    """Tells a model that searches for sets what each pair costs; it goes with its weights.

    Args:
        model: changed in place.
        pairs: of :func:`interacting`.
        cost: in units of log probability; 0 leaves every model as it is.

    Raises:
        ConfigError: a cost for a model that does not search.
    """
    if cost == 0:
        return
    costs = getattr(model, "pair_costs", None)
    if not isinstance(costs, torch.Tensor):
        raise ConfigError(
            "setting 'interactions.cost'",
            got="a cost for a model that names codes one by one",
            wanted="a model that searches for sets, such as leap",
            todo="Write model.recipe=leap, or interactions.cost=0 to count interactions alone.",
        )
    costs.copy_(torch.from_numpy(pairs) * cost)
