from __future__ import annotations

from datetime import datetime

import pytest

from sequela.errors import DataError
from sequela.notes import Document, NoteSet, Span
from sequela.notes.documents import document, parsed_time


def test_spans_stand_in_order_of_place():
    one = Document("a", "abcdef", (Span(3, 5, "B"), Span(0, 2, "Z"), Span(0, 2, "A")))
    assert [(span.start, span.type) for span in one.spans] == [(0, "A"), (0, "Z"), (3, "B")]


def test_the_text_is_in_no_representation():
    one = Document("a", "canary4711", (), subject="canary4711")
    assert "canary" not in repr(one)
    assert "canary" not in repr(NoteSet(lambda: [one]))


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (5, 2)])
def test_spans_that_hold_nothing(start, end):
    with pytest.raises(DataError, match="0 <= start < end"):
        Span(start, end, "A")


@pytest.mark.parametrize("kind", ["", " ", "a\nb", "a\x00"])
def test_types_are_printable(kind):
    with pytest.raises(DataError, match="type of a span"):
        Span(0, 1, kind)


def test_spans_lie_inside_the_text():
    assert Document("a", "abc", (Span(0, 3, "A"),))
    with pytest.raises(DataError, match=r"span 2: got characters 1 to 4.*a text of 3 characters"):
        Document("a", "abc", (Span(0, 3, "A"), Span(1, 4, "A")))
    with pytest.raises(DataError, match="line 3 of f, span 2: span: got 2 to 2"):
        document("line 3 of f", "a", "abc", [(0, 1, "A"), (2, 2, "A")])
    with pytest.raises(DataError, match="line 3 of f: span 1: got characters 0 to 9"):
        document("line 3 of f", "a", "abc", [(0, 9, "A")])


def test_characters_are_counted_not_bytes():
    one = Document("a", "é😀x", (Span(2, 3, "A"),))
    assert one.text[one.spans[0].start] == "x"


def test_ids_and_texts_that_are_none():
    for name in ("", "a\nb"):
        with pytest.raises(DataError, match="id of a document"):
            Document(name, "x")
    with pytest.raises(DataError, match="half a character"):
        Document("a", "\ud800")


def test_a_set_is_walked_again_and_knows_its_parts():
    documents = [
        Document("a", "xy", (Span(0, 1, "A"),), part="train"),
        Document("b", "xy", (Span(0, 2, "A"), Span(1, 2, "B")), part="test"),
    ]
    notes = NoteSet(lambda: documents)
    assert [one.id for one in notes] == [one.id for one in notes] == ["a", "b"]
    assert [one.id for one in notes.part("test")] == ["b"]
    assert notes.types() == {"A": 2, "B": 1}
    with pytest.raises(DataError, match="document 2: got an id that stood before"):
        list(NoteSet(lambda: [documents[0], documents[0]]))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2001-02-03", datetime(2001, 2, 3)),
        (" 2001-02-03T04:05:06Z ", datetime(2001, 2, 3, 4, 5, 6)),
        ("2001-02-03 04:05:06+02:00", datetime(2001, 2, 3, 4, 5, 6)),
    ],
)
def test_times_stay_as_written(text, time):
    assert parsed_time(text, "row 1") == time


def test_times_of_another_form():
    with pytest.raises(DataError, match="row 1: time of a document: got another form") as caught:
        parsed_time("canary4711", "row 1")
    assert "canary" not in str(caught.value)
