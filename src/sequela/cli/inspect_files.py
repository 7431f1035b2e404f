"""What `sequela inspect` says of recordings, notes and texts: counts, channels, usual labels.

Somebody's free text may stand in any annotation, so a text is shown only where enough recordings
share it; of notes nothing is shown but counts and the types of spans.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sequela.notes import NoteSet, PairSet, TextSet, TextStream
from sequela.signals import RecordingSet

__all__ = [
    "describe_notes",
    "describe_pairs",
    "describe_recordings",
    "describe_stream",
    "describe_texts",
]

_SHOWN = 40


def _subjects(found: list[str | None]) -> int | None:
    return None if None in found else len(set(found))


def _usual(
    name: str, counts: Counter[str], bearers: Counter[str], least: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows of what enough bearers share, and how much is left unsaid."""
    common = [key for key, _ in counts.most_common() if bearers[key] >= least]
    rows = [{name: key, "times": counts[key], "in": bearers[key]} for key in common[:_SHOWN]]
    rest = [key for key in counts if key not in common[:_SHOWN]]
    return rows, {"kinds": len(rest), "times": sum(counts[key] for key in rest)}


def _parts(counts: Counter[str], least: int) -> dict[str, int]:
    """By the source's own names; those of few documents together."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        found[name if count >= least else "parts of few documents"] += count
    return dict(found.most_common(_SHOWN))


def describe_recordings(recordings: RecordingSet, *, min_subjects: int) -> dict[str, Any]:
    """What a set of recordings holds; reads headers and annotations, no samples.

    Args:
        recordings: the set.
        min_subjects: annotation texts in fewer recordings than that are not shown.

    Returns:
        Plain data; no id of a recording or subject, no start time.
    """
    texts: Counter[str] = Counter()
    bearers: Counter[str] = Counter()
    channels: Counter[tuple[str, str, float]] = Counter()
    for one in recordings:
        found = Counter(mark.text for mark in one.annotations())
        texts += found
        bearers.update(found.keys())
        channels.update((each.name, each.unit, each.sampling_rate) for each in one.channels)
    shown, rest = _usual("annotation", texts, bearers, min_subjects)
    rows = [
        {"channel": name, "unit": unit or "-", "hertz": rate, "in": count}
        for (name, unit, rate), count in channels.items()
    ]
    return {
        "kind": "recordings",
        "recordings": len(recordings),
        "without_channels": sum(not one.channels for one in recordings),
        "interrupted": sum(len(one.stretches) > 1 for one in recordings),
        "subjects": _subjects([one.subject for one in recordings]),
        "hours": round(sum(one.duration for one in recordings) / 3600, 3),
        "annotations": sum(texts.values()),
        "annotations_not_shown": rest["times"],
        "groups": recordings.group_note,
        "min_subjects": min_subjects,
        "tables": {"channels": rows, "annotations": shown},
    }


def describe_notes(notes: NoteSet, *, min_subjects: int) -> dict[str, Any]:
    """What a set of notes holds; reads all documents, one by one.

    Args:
        notes: the set.
        min_subjects: types of spans in fewer documents than that are not shown.

    Returns:
        Plain data; no text, id or time.
    """
    types: Counter[str] = Counter()
    bearers: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    subjects: list[str | None] = []
    characters = 0
    for one in notes:
        found = Counter(span.type for span in one.spans)
        types += found
        bearers.update(found.keys())
        parts[one.part or "without a part"] += 1
        subjects.append(one.subject)
        characters += len(one.text)
    shown, rest = _usual("type", types, bearers, min_subjects)
    return {
        "kind": "notes",
        "documents": len(subjects),
        "characters": characters,
        "subjects": _subjects(subjects),
        "spans": sum(types.values()),
        "spans_not_shown": rest["times"],
        "groups": notes.group_note,
        "min_subjects": min_subjects,
        "parts": _parts(parts, min_subjects),
        "tables": {"types of spans": shown},
    }


def describe_texts(texts: TextSet, *, min_subjects: int) -> dict[str, Any]:
    """What a set of labelled texts holds.

    Args:
        texts: the set.
        min_subjects: labels of fewer texts than that are not shown.

    Returns:
        Plain data; no text and no id.
    """
    labels = Counter(one.label or "without a label" for one in texts)
    shown, rest = _usual("label", labels, labels, min_subjects)
    return {
        "kind": "texts",
        "texts": len(texts),
        "characters": sum(len(one.text) for one in texts),
        "subjects": _subjects([one.subject for one in texts]),
        "labels": len(labels),
        "texts_of_labels_not_shown": rest["times"],
        "groups": texts.group_note,
        "min_subjects": min_subjects,
        "parts": dict(Counter(one.part or "without a part" for one in texts)),
        "tables": {"labels": [{"label": row["label"], "texts": row["times"]} for row in shown]},
    }


def describe_pairs(pairs: PairSet) -> dict[str, Any]:
    """What a set of pairs of texts holds.

    Returns:
        Plain data; no text and no id.
    """
    return {
        "kind": "pairs of texts",
        "pairs": len(pairs),
        "different_first_texts": len({one.text for one in pairs}),
        "characters": sum(len(one.text) for one in pairs),
        "characters_of_the_others": sum(len(one.other or "") for one in pairs),
        "groups": pairs.group_note,
        "parts": dict(Counter(one.part or "without a part" for one in pairs)),
    }


def describe_stream(stream: TextStream) -> dict[str, Any]:
    """What one long text holds: plain data, no word of it."""
    return {
        "kind": "one text",
        "characters": len(stream),
        "different_characters": len(set(stream.text)),
        "lines": stream.text.count("\n"),
    }
