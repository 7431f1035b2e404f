"""The task on labelled texts: its example, and what it says of mistakes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from sequela import sources, tasks
from sequela.errors import ConfigError, LabelError
from sequela.notes import LabelledText, TextDeclaration

ROOM = Path(tasks.__file__).parent / "text_class"
TWO = [{"name": "no", "values": [0, "neg"]}, {"name": "yes", "values": ["1"]}]


def declared(**changes) -> TextDeclaration:
    return TextDeclaration.parse(tasks.declaration("text_class", **changes))


@pytest.mark.parametrize("several", ["drop", "pool"])
def test_the_example(several):
    found = declared(several=several).classified(
        sources.read("labelled_texts", ROOM / "example" / "texts.tsv")
    )
    with (ROOM / "example" / "expected.csv").open() as file:
        wanted = [row for row in csv.DictReader(file) if row["several"] == several]
    assert [one.id for one in found.texts] == [row["id"] for row in wanted]
    assert [found.classes[k] for k in found.target] == [row["class"] for row in wanted]
    assert [step["subjects"] for step in found.attrition] == [6, 4, len(wanted)]
    assert [step["excluded"] for step in found.attrition] == [0, 2, 4 - len(wanted)]


def test_classes_with_names():
    texts = [LabelledText(str(k), f"t{k}", label) for k, label in enumerate(["1", "0", "neg"])]
    found = declared(classes=TWO).classified(texts)
    assert found.classes == ("no", "yes")
    assert found.target.tolist() == [1, 0, 0]
    again = declared(classes=TWO).class_numbers(texts, found.classes)
    assert np.array_equal(again, found.target)


def test_a_text_of_two_parts_judges():
    texts = [
        LabelledText("a", "Go on", "0", part="train"),
        LabelledText("b", "go  on", "0", part="held_out"),
        LabelledText("c", "stay", "1", part="train"),
    ]
    found = declared().classified(texts)
    assert [(one.id, one.part) for one in found.texts] == [("b", "held_out"), ("c", "train")]


def test_mistakes():
    two = [LabelledText("a", "x", "0"), LabelledText("b", "y", "2")]
    with pytest.raises(LabelError, match="1 texts of another label, wanted one of 0, neg, 1"):
        declared(classes=TWO).classified(two)
    with pytest.raises(LabelError, match="1 texts without a label"):
        declared().classified([*two, LabelledText("c", "z")])
    with pytest.raises(LabelError, match="one class only"):
        declared().classified(two[:1])
    with pytest.raises(LabelError, match="1 texts of a class that the model does not know"):
        declared().class_numbers(two, ("0", "1"))
    for classes in (TWO[:1], [TWO[0], TWO[0]]):
        with pytest.raises(ConfigError, match="classes"):
            declared(classes=classes)
    with pytest.raises(ConfigError, match="several"):
        declared(several="keep")
