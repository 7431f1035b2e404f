"""Groups of codes: a user's file, a data set's parents, and what of them may travel."""

from __future__ import annotations

import traceback
from pathlib import Path

import polars as pl
import pytest

from sequela.batches.groups import CodeGroups
from sequela.errors import BundleError, DataError, SchemaError

CANARY = "zq9canary"


def test_a_map_from_a_file(tmp_path: Path):
    path = tmp_path / "ccsr.csv"
    path.write_bytes(
        b"\xef\xbb\xbfCode,Label,GROUP\r\nI50.1,x,CIR019\r\nI50.1,,CIR020\r\n E11 ,, END\r\n"
    )
    groups = CodeGroups.from_csv(path)
    assert groups.pairs.rows() == [("E11", "END"), ("I50.1", "CIR019"), ("I50.1", "CIR020")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("code,groups\nA,B\n", "column 'group'"),
        ("code;group\nA;B\n", "column 'code'"),
        (f"code,group\n{CANARY},\n", "row 1: got an empty cell"),
        (f"code,group\nA,B\n  ,{CANARY}\n", "row 2: got an empty cell"),
        (f"code,group\nA,B,{CANARY},D\n", "got no table"),
        (f'code,group\nA,"{CANARY}\n', "got no table"),
        (b"code,group\n\xff" + CANARY.encode() + b",B\n", "got no table"),
        ("", "got no table"),
    ],
)
def test_a_broken_map_is_refused(tmp_path: Path, content: str | bytes, said: str):
    path = tmp_path / "map.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=said) as caught:
        CodeGroups.from_csv(path)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_map_that_is_not_there(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        CodeGroups.from_csv(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="got no table"):
        CodeGroups.from_csv(tmp_path)
    assert issubclass(SchemaError, DataError)


def test_events_in_two_groups_become_two_and_keep_their_order():
    groups = CodeGroups.of([("A", "x"), ("A", "y"), ("B", "x")])
    events = pl.DataFrame({"code": ["C", "A", "B"], "numeric_value": [1.0, 2.0, 3.0]})
    found = groups.apply(events)
    assert found.rows() == [("C", 1.0), ("x", 2.0), ("y", 2.0), ("x", 3.0)]
    assert CodeGroups.of().apply(events).equals(events)


def test_the_first_map_counts_and_rare_codes_do_not_travel():
    mine = CodeGroups.of([("A", "mine")])
    parents = CodeGroups.from_parents({"A": ["theirs"], "B": ["b", "c"], "RARE": ["r"]})
    assert CodeGroups.joined(mine, None, parents).pairs.rows() == [
        ("A", "mine"),
        ("B", "b"),
        ("B", "c"),
        ("RARE", "r"),
    ]
    kept = CodeGroups.kept(mine, parents, lambda: ["B"])
    assert kept.pairs.rows() == [("A", "mine"), ("B", "b"), ("B", "c")]
    assert CodeGroups.from_dict(kept.to_dict()) == kept


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"code": ["A"]},
        {"code": ["A"], "group": ["B"], "more": []},
        {"code": ["A"], "group": "B"},
        {"code": ["A"], "group": [1]},
        {"code": ["A"], "group": []},
        {"code": ["A", "A"], "group": ["B", "B"]},
    ],
)
def test_damaged_groups_are_refused(content):
    with pytest.raises(BundleError, match="groups of codes"):
        CodeGroups.from_dict(content)
