"""What a doubtful token cannot be, token by token."""

from __future__ import annotations

import numpy as np
import pytest

from sequela.deid.doubt import DOUBTFUL, plain_words, settled


@pytest.mark.parametrize(
    ("text", "label", "stays"),
    [
        ("walked", "PATIENT", False),
        ("Walked", "PATIENT", True),
        ("walked", "DATE", False),
        ("of", "DATE", True),
        ("quux", "PATIENT", True),
        ("89", "AGE", False),
        ("90", "AGE", True),
        ("104", "AGE", True),
        ("12", "DATE", True),
        ("410", "DATE", False),
        ("2012", "DATE", True),
        ("2512", "DATE", False),
        ("02139", "ZIP", True),
        ("21", "ZIP", False),
        ("1", "PHONE", True),
        ("12", "PHONE", False),
        ("617", "PHONE", True),
        ("400", "IPADDR", False),
        ("40", "IPADDR", False),
        ("7", "PATIENT", False),
        ("7", "DEVICE", True),
        ("\u0667", "PATIENT", True),
        ("9" * 5000, "AGE", True),
    ],
)
def test_a_doubtful_token(text, label, stays):
    marked = np.array([0.3])
    found = settled([text], [label], marked, frozenset(["walked", "of"]))
    assert found[0] == (0.3 if stays else 0.0)
    assert marked[0] == 0.3, "the given ones are left as they are"
    sure = np.array([DOUBTFUL])
    assert settled([text], [label], sure, frozenset(["walked"]))[0] == DOUBTFUL


def test_numbers_of_a_network_stand_beside_a_point():
    marked = np.full(3, 0.2)
    assert settled(["10", ".", "40"], ["IPADDR"] * 3, marked, frozenset()).min() == 0.2


def test_plain_words_are_those_that_identify_nobody():
    tokens = ["\nSeen", " by", " dr", ".", " Quux", " rose", " 12"]
    tags = ["O", "O", "O", "O", "S-DOCTOR", "O", "O"]
    stretches = [(tokens, tags), (["\nquux", " left", " White"], ["S-PATIENT", "O", "O"])]
    known = ["seen", "by", "dr", ".", "quux", "rose", "00", "left", "white", "unread"]
    # Rose and White may be names.
    assert plain_words(stretches, known) == {"seen", "by", "dr", "left"}
