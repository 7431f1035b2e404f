"""Finding channels by name and bringing their units together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sequela.errors import ConfigError, DataError
from sequela.signals.recordings import Channel, Recording

__all__ = ["SYNONYMS", "factor", "plain", "select"]

SYNONYMS: dict[str, str] = {"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}
"""Electrodes of the 10-20 system under their old names, and what the 10-10 system calls them."""

_PREFIX = re.compile(r"^(eeg|ecg|ekg|eog|emg|lead)[ _:-]+")
_SUFFIX = re.compile(r"[ _-]+(ref|le|avg)$")

# Volts in one unit; both characters of the small Greek letter are in use.
_VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "µV": 1e-6, "μV": 1e-6, "nV": 1e-9}


def plain(name: str) -> str:
    """A channel's name without what recorders add to it, for comparison.

    Letter case, spaces, dots and underscores do not count, nor does the kind in front ("EEG ",
    "ECG ", "EOG ", "EMG ", "Lead ") or the reference behind ("-REF", "-LE", "-AVG"); old electrode
    names become new ones (:data:`SYNONYMS`). "EEG T3-REF", "T7" and "t7.." are one channel; "MLII"
    and "II" are two, for they are measured differently.
    """
    name = _SUFFIX.sub("", _PREFIX.sub("", name.strip().casefold()))
    halves = [re.sub(r"[\s._]", "", half) for half in name.split("-")]
    return "-".join(SYNONYMS.get(half, half) for half in halves)


def select(recording: Recording, wanted: Sequence[Sequence[str]] | None) -> tuple[int, ...]:
    """Which channels of a recording are meant.

    Args:
        recording: where to look.
        wanted: for each channel the names it may have, the best one first; None for all channels.

    Returns:
        Indices into ``recording.channels``, in the order wanted.

    Raises:
        DataError: a channel is not there, or a name fits several.
        ConfigError: two entries mean the same channel.
    """
    if wanted is None:
        return tuple(range(len(recording.channels)))
    chosen = tuple(_found(recording, names) for names in wanted)
    if len(set(chosen)) < len(chosen):
        raise ConfigError("channels", got="two entries that mean the same channel")
    return chosen


def _found(recording: Recording, names: Sequence[str]) -> int:
    for name in names:
        for same in (str, plain):
            hits = [
                index
                for index, channel in enumerate(recording.channels)
                if same(channel.name) == same(name)
            ]
            if len(hits) == 1:
                return hits[0]
            if hits:
                raise DataError(
                    f"channel {name!r} of recording {recording.id}",
                    got=f"{len(hits)} channels of that name",
                    wanted="one",
                )
    raise DataError(
        f"channel {' or '.join(map(repr, names))} of recording {recording.id}",
        got=f"no such one among {len(recording.channels)} channels",
        todo="Name the channel as the file does ('sequela inspect' lists them), or leave the "
        "recording out.",
    )


def factor(channel: Channel, unit: str, where: str) -> float:
    """By what samples of a channel are multiplied to stand in ``unit``.

    Args:
        channel: the channel.
        unit: "V", "mV", "uV" or "nV", or exactly the channel's own.
        where: the recording, for the message.

    Raises:
        DataError: the units cannot be turned into each other.
    """
    if channel.unit == unit:
        return 1.0
    if channel.unit in _VOLTS and unit in _VOLTS:
        return _VOLTS[channel.unit] / _VOLTS[unit]
    raise DataError(
        f"a channel of recording {where}",
        got="no unit" if not channel.unit else "another unit",
        wanted=unit,
        todo="Leave the channel out, or set unit to what it is measured in.",
    )
