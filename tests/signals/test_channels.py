from __future__ import annotations

import numpy as np
import pytest
from tests.signals.pretend import recording

from sequela.errors import ConfigError, DataError
from sequela.signals import Channel
from sequela.signals.channels import factor, plain, select


@pytest.mark.parametrize(
    "names",
    [
        ("EEG T3-REF", "T7", "t7..", "EEG T7", "eeg_T3_ref"),
        ("EEG Fpz-Cz", "FPZ-CZ", "Fpz - Cz"),
        ("Fc5.", "FC5", "EEG Fc5-LE"),
        ("ECG II", "Lead II", "ii"),
        ("T3-C3", "T7-C3"),
    ],
)
def test_names_that_mean_one_channel(names):
    assert len({plain(name) for name in names}) == 1


def test_names_that_mean_two():
    assert plain("MLII") != plain("II")
    assert plain("Fpz-Cz") != plain("Fpz")
    assert plain("EEG") == "eeg"


def three():
    zeros = (1.0, np.zeros(3))
    return recording({"EEG T3-REF": zeros, "MLII": zeros, "mlii ": zeros, "II": zeros})


def test_channels_are_found_by_any_of_their_names():
    assert select(three(), [["T7"], ["II"]]) == (0, 3)
    assert select(three(), [["V9", "II"]]) == (3,)
    assert select(three(), [["MLII", "II"]]) == (1,), "the exact name comes first"
    assert select(three(), None) == (0, 1, 2, 3)


def test_channels_that_are_not_found():
    with pytest.raises(DataError, match="'C3' or 'C4' of recording r: got no such one among 4"):
        select(three(), [["C3", "C4"]])
    with pytest.raises(DataError, match="2 channels of that name"):
        select(three(), [["Mlii"]])
    with pytest.raises(ConfigError, match="mean the same channel"):
        select(three(), [["T3"], ["T7"]])


def test_units_are_turned_into_each_other():
    assert factor(Channel("a", "mV", 1.0), "uV", "r") == pytest.approx(1000)
    assert factor(Channel("a", "µV", 1.0), "uV", "r") == 1
    assert factor(Channel("a", "mmHg", 1.0), "mmHg", "r") == 1
    for unit in ("mmHg", "", "MV"):
        with pytest.raises(DataError, match="wanted uV"):
            factor(Channel("a", unit, 1.0), "uV", "r")
