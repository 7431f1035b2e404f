"""Which recording a row was cut from, as far as its id tells.

An id is ``X<chunk>.V1.<number>``. The published ids were made by joining five tables, one for each
class, so ``<number>`` is the recording's place in its class (0 to 99) with one digit of the class
behind it: none for class 5, then 1, 2, 3 and 4 for classes 4, 3, 2 and 1. The number alone is
ambiguous ("41" is place 41 of class 5 and place 4 of class 4), so ids repeat; the number and the
class together are the recording. All this is checked against the data, not assumed: where one id
does not fit, the number alone is the group, which may join recordings but never cuts one.
"""

from __future__ import annotations

import re

import numpy as np

from sequela.errors import DataError

__all__ = ["recovered_recordings"]

_ID = re.compile(r"X(\d{1,6})\.(V\d{1,6})(?:\.(\d{1,6}))?")

# For each class: the digit behind the place, and the letter of its set in the Bonn archive.
_SETS = {5: ("", "Z"), 4: ("1", "O"), 3: ("2", "N"), 2: ("3", "F"), 1: ("4", "S")}


def _name(number: str, label: int) -> str | None:
    """The Bonn archive's name of a recording ("F091"), or None where the id does not fit."""
    digit, letter = _SETS[label]
    place = number.removesuffix(digit) if digit else number
    if (digit and place == number) or not (place.isdigit() and int(place) < 100):
        return None
    return f"{letter}{int(place) + 1:03d}" if place == str(int(place)) else None


def recovered_recordings(
    ids: np.ndarray, label: np.ndarray, file_name: str
) -> tuple[np.ndarray, str]:
    """Groups that never separate two chunks of one recording.

    Args:
        ids: str [n].
        label: int64 [n], 1 to 5.
        file_name: for messages.

    Returns:
        str [n], a group for each row, and a sentence on how they were found.

    Raises:
        DataError: an id of another form; without it nothing tells which rows belong together.
    """
    numbers: list[tuple[str, str]] = []
    for row, text in enumerate(ids.tolist(), start=1):
        match = _ID.fullmatch(text)
        if match is None:
            raise DataError(
                f"id column of {file_name}",
                got=f"an id of unknown form in row {row}",
                wanted="X<chunk>.V1.<number>",
                todo="Give a recordings.csv (id, recording, y) beside the table.",
            )
        numbers.append((match[2], match[3] or ""))
    names = [
        _name(number, value) if version == "V1" else None
        for (version, number), value in zip(numbers, label.tolist(), strict=True)
    ]
    if None not in names:
        note = "recordings recovered from the number in each id and its class"
        return np.array(names, dtype=np.str_), note
    merged = [f"{version}.{number}" for version, number in numbers]
    note = (
        "groups are the numbers in the ids; some may join two recordings, none cuts one "
        "(an id does not fit its class)"
    )
    return np.array(merged, dtype=np.str_), note
