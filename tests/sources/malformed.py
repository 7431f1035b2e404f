"""What every malformed input must meet: one clear line, and no trace of the planted canary."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from sequela import sources
from sequela.errors import SequelaError
from sequela.notes import NoteSet
from sequela.signals import RecordingSet

CANARY = "canary4711"


def everything(source: str, path: Path, **options: Any) -> None:
    """Reads all that the source gives."""
    found = sources.read(source, path, **options)
    if isinstance(found, NoteSet):
        list(found)
    if isinstance(found, RecordingSet):
        for one in found:
            one.annotations()
            for place, channel in enumerate(one.channels):
                one.read([place], 0, min(int(one.duration * channel.sampling_rate), 100_000))


def refused(source: str, path: Path, words: str, capture: Any, caplog: Any, **options: Any) -> None:
    """The input is refused in one line with these words; nothing shows the canary."""
    with pytest.raises(SequelaError, match=words) as caught:
        everything(source, path, **options)
    text = str(caught.value)
    assert "\n" not in text
    shown = "".join(traceback.format_exception(caught.value))
    output = capture.readouterr()
    # Letter case is no disguise, and eight letters are what an EDF field holds.
    for place in (text, shown, output.out, output.err, caplog.text):
        assert CANARY[:8] not in place.lower()
