"""Samples of new data for a finished model of coded events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sequela import ingest
from sequela.batches.groups import CodeGroups
from sequela.cohort import Observations, parse_declaration
from sequela.errors import ConfigError, DataError
from sequela.train.encoding import Encoder, EventSamples, encoder_from, parents_of
from sequela.train.labelling import Labelled, label, observed
from sequela.train.outcomes import Outcome

__all__ = ["outcome_of", "samples_for"]

# Below this share of known codes a score says little about the patient.
_FEW_KNOWN = 0.5


def _check_codes(events: Observations, encoder: Encoder, parents: CodeGroups | None) -> list[str]:
    """Refuses data whose codes the model has never seen; it would score silence.

    Returns:
        A warning where it has seen few of them.

    Raises:
        DataError: no code of the histories is known to the model.
    """
    codes = events.dated().codes()
    known = encoder.knows(codes, parents)
    if codes.len() and not known:
        raise DataError(
            "the codes of the data",
            got=f"none of {codes.len()} is known to the model",
            wanted="the coding that the model was trained on",
            todo="Map the codes first, or train a model on this data set.",
        )
    if known >= _FEW_KNOWN * codes.len():
        return []
    return [f"only {known} of {codes.len()} codes of the data are known to the model"]


def samples_for(
    preparation: dict[str, Any],
    path: Path,
    labels: Path | None = None,
    *,
    known_outcome: bool = True,
) -> tuple[EventSamples, Labelled, list[str]]:
    """The samples of new data for a finished model.

    Args:
        preparation: what the bundle holds.
        path: the data set.
        labels: MEDS labels that say whom to score and when; the task's own cohort without them.
        known_outcome: the outcome is wanted too (to judge the model); without it, nobody is left
            out for what happens after the prediction, and labels need no value.

    Returns:
        The samples, their labels with age and sex, row by row; and warnings.
    """
    encoder, grouped = encoder_from(preparation)
    declaration = parse_declaration(preparation["task"])
    data = ingest.opened(preparation["source"], path, **preparation.get("reading", {}))
    labelled = label(data, declaration, labels, known=known_outcome)
    events = observed(data, declaration, labelled)
    parents = parents_of(data) if grouped else None
    samples = encoder.encode(events, labelled.labels, labelled.subgroups, parents=parents)
    if "outcome" in preparation and labels is not None:
        if known_outcome:
            raise ConfigError(
                f"labels {labels}",
                got="yes-or-no labels for a model of another outcome",
                todo="Leave labels= out: the task finds its own.",
            )
        labelled = replace(labelled, target=None)
    if labelled.target is not None:
        outcome = outcome_of(preparation, labelled.outcome)
        samples = replace(samples, target=outcome.target(labelled.target))
    return samples, labelled, _check_codes(events, encoder, parents)


def outcome_of(preparation: dict[str, Any], usual: Outcome) -> Outcome:
    """What a finished model predicts.

    Args:
        preparation: what the bundle holds.
        usual: of a bundle that says nothing: one of classes.

    Raises:
        BundleError: the bundle's outcome is damaged.
    """
    known = preparation.get("outcome")
    return usual if known is None else Outcome.from_dict(known)
