"""The model card: what a reader has to know before a model is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["card_text"]


def _cell(value: Any) -> str:
    if isinstance(value, Mapping) and {"value", "low", "high"} <= set(value):
        low, high = _cell(value["low"]), _cell(value["high"])
        return f"{_cell(value['value'])} (95 % interval {low} to {high})"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_cell(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    if value is None:
        return "not known"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _section(value: Any) -> str:
    if isinstance(value, Mapping):
        rows = "\n".join(f"| {_cell(key)} | {_cell(item)} |" for key, item in value.items())
        return f"| | |\n|---|---|\n{rows}"
    if isinstance(value, (list, tuple)):
        return "\n".join(f"- {_cell(item)}" for item in value)
    return str(value)


def card_text(config: Mapping[str, Any], parameters: int) -> str:
    """The card as Markdown.

    Args:
        config: what ``config.json`` holds; each entry of its ``card`` becomes a section, ``title``
            the heading.
        parameters: the number of weights.
    """
    card = dict(config["card"])
    model = config["model"]
    parts = [
        f"# {card.pop('title', model['name'])}",
        f"A `{model['name']}` model with {parameters:,} weights, made by Sequela. "
        "For research; not a medical device.",
    ]
    parts += [
        f"## {str(key).replace('_', ' ').capitalize()}\n\n{_section(value)}"
        for key, value in card.items()
        if value is not None
    ]
    parts.append(f"## Model\n\n{_section(model['arguments'])}")
    if config["classes"]:
        parts.append(f"## Classes\n\n{_section(config['classes'])}")
    if config["logit_shift"] and config["kind"] in ("binary", "multiclass"):
        parts.append(
            "## Recalibration\n\nThe classes were balanced in training; this is added to the "
            f"logits to bring the probabilities back to the true prevalence:\n\n"
            f"{_section([f'{value:.4f}' for value in config['logit_shift']])}"
        )
    return "\n\n".join(parts) + "\n"
