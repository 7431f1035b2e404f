from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("faker")

from deid_parts.more_text import LABELS, simulated, word_vectors
from deid_parts.refilled import Refill
from deid_parts.scores import by_label

from sequela.notes import Document, Span


def marked(text: str, **words: str) -> Document:
    spans = [Span(text.index(one), text.index(one) + len(one), kind) for kind, one in words.items()]
    return Document("s1", text, tuple(spans))


@pytest.mark.long  # Faker's lists of many countries take seconds
def test_other_values_stand_where_the_old_ones_stood():
    one = marked(
        "PAY 123-45 of ANN LEE in\nOslo now", US_SSN="123-45", PERSON="ANN LEE", GPE="Oslo"
    )
    refill = Refill([one], 3)
    made = [refill(one, f".{number}") for number in range(30)]
    assert len({copy.text for copy in made}) > 20
    for copy in made:
        number, person, place = (copy.text[span.start : span.end] for span in copy.spans)
        assert [span.type for span in copy.spans] == ["US_SSN", "PERSON", "GPE"]
        assert [len(one) for one in number.split("-")] == [3, 2]
        assert number.replace("-", "").isdigit()
        assert person.isupper()
        assert len(person.split()) >= 2
        assert copy.text == f"PAY {number} of {person} in\n{place} now"
    assert [Refill([one], 3)(one, ".0").text] == [made[0].text]


def test_simulated_lines_bear_the_labels_of_the_sentences():
    lines = simulated(40, 1)
    kinds = {span.type for one in lines for span in one.spans}
    assert kinds <= {*LABELS.values(), "TITLE"}
    assert {"PERSON", "TITLE", "AGE", "US_SSN", "GPE"} <= kinds
    words = [one.text[s.start : s.end] for one in lines for s in one.spans if s.type == "TITLE"]
    assert all(word.lower().rstrip(".") in ("dr", "mr", "mrs", "ms", "miss") for word in words)
    ages = [one.text[s.start : s.end] for one in lines for s in one.spans if s.type == "AGE"]
    assert any(age.isdigit() and int(age) < 90 for age in ages)


def test_words_of_the_same_company_have_like_vectors():
    random = np.random.default_rng(0)
    nouns = {"eats": ("cat", "dog", "cow"), "drives": ("car", "bus", "van")}
    texts = [
        f"the {random.choice(who)} {verb} the {random.choice(who)}"
        for verb, who in nouns.items()
        for _ in range(200)
    ]
    found = word_vectors(texts, 4)
    values = found.values / np.linalg.norm(found.values, axis=1, keepdims=True)
    of = {word: values[place] for place, word in enumerate(found.words)}
    assert of["cat"] @ of["dog"] > of["cat"] @ of["bus"] + 0.3


def test_what_became_of_each_span():
    one = marked("Ann of Rome met Bob Lee at ten", A="Ann", B="Rome", C="Bob Lee", D="ten")
    found = [[(0, 3, "A"), (7, 11, "A"), (16, 19, "C"), (12, 15, "D")]]
    assert by_label([one], found) == {
        "A": {"found": 2, "right": 1, "true": 1},
        "B": {"another label": 1, "true": 1},
        "C": {"another piece": 1, "found": 1, "true": 1},
        "D": {"found": 1, "missed": 1, "nothing there": 1, "true": 1},
    }
