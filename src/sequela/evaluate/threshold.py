"""The threshold from which a risk is flagged, chosen on the tuning part, never the test part."""

from __future__ import annotations

import numpy as np

from sequela.errors import ConfigError, DataError

__all__ = ["RULES", "UnreachableTarget", "choose_threshold"]

RULES = ("youden", "sensitivity", "specificity")


class UnreachableTarget(DataError):
    """Only flagging everybody, or nobody, would reach the target."""


def _operating_points(labels: np.ndarray, scores: np.ndarray):
    # From "nobody is flagged" down to "everybody is": one point per distinct score, plus one above.
    order = np.argsort(-scores, kind="stable")
    falling, positive = scores[order], labels[order] == 1
    ends = np.flatnonzero(np.r_[falling[1:] != falling[:-1], True])
    found = np.r_[0, np.cumsum(positive)[ends]]
    flagged = np.r_[0, ends + 1]
    sensitivity = found / positive.sum()
    specificity = 1 - (flagged - found) / (~positive).sum()
    thresholds = np.r_[np.nextafter(falling[0], np.inf), falling[ends]]
    return thresholds, sensitivity, specificity


def _between(thresholds: np.ndarray, chosen: int) -> float:
    # Half way to the next score below: a held-out score that differs in the last bit from a tuning
    # score must not fall on the other side of the line.
    if chosen == 0 or chosen + 1 >= len(thresholds):
        return float(thresholds[chosen])
    return float((thresholds[chosen] + thresholds[chosen + 1]) / 2)


def choose_threshold(
    labels: np.ndarray, scores: np.ndarray, rule: str = "youden", target: float | None = None
) -> float:
    """The threshold that a rule picks on TUNING data; a row is flagged when score >= threshold.

    Args:
        labels: 0 or 1, [n]; both occur.
        scores: finite, [n].
        rule: ``"youden"`` (the default: the largest sensitivity + specificity - 1, which needs no
            target), ``"sensitivity"`` (the most specific threshold that finds at least ``target``
            of the positives) or ``"specificity"`` (the most sensitive one that spares at least
            ``target`` of the negatives).
        target: between 0 and 1, for the last two rules.

    Returns:
        The threshold. Under ``youden`` a score without any information flags nobody.

    Raises:
        ConfigError: an unknown rule, a missing, needless or impossible target.
        UnreachableTarget: the target is reached only by flagging everybody or nobody.
    """
    if rule not in RULES:
        raise ConfigError("threshold rule", got=repr(rule), wanted=f"one of {', '.join(RULES)}")
    if (target is None) != (rule == "youden"):
        wanted = "no target" if rule == "youden" else "a target between 0 and 1"
        raise ConfigError(f"threshold rule {rule!r}", got=f"target {target}", wanted=wanted)
    thresholds, sensitivity, specificity = _operating_points(np.asarray(labels), np.asarray(scores))
    if target is None:
        return _between(thresholds, int(np.argmax(sensitivity + specificity)))
    if not 0 < target < 1:
        raise ConfigError("threshold target", got=target, wanted="a number between 0 and 1")
    if rule == "sensitivity":
        chosen = int(np.argmax(sensitivity >= target))
        useless = specificity[chosen] <= 0
    else:
        chosen = int(np.flatnonzero(specificity >= target)[-1])
        useless = sensitivity[chosen] <= 0
    if useless:
        raise UnreachableTarget(
            f"threshold for {rule} {target:g}",
            got=f"reached only by flagging {'everybody' if rule == 'sensitivity' else 'nobody'}",
            wanted="a target that the tuning part can show",
            todo="Choose a lower target.",
        )
    return _between(thresholds, chosen)
