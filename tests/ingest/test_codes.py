"""Which codes are described, and by whom."""

from __future__ import annotations

import polars as pl

from sequela.ingest.codes import codes_that_occur


def test_a_code_takes_the_words_of_what_it_refines():
    known = pl.DataFrame({"code": ["LAB//1", "LAB//2", "LAB//1"], "description": ["a", "b", "no"]})
    seen = pl.Series(["LAB//1//mg", "LAB//1//mg//x", "LAB//3//mg", "LAB//2", "OTHER", "LAB//2///s"])
    found = {row["code"]: row for row in codes_that_occur(known, seen).to_dicts()}
    assert sorted(found) == ["LAB//1", "LAB//1//mg", "LAB//1//mg//x", "LAB//2", "LAB//2///s"]
    assert found["LAB//1//mg"]["description"] == "a"
    assert found["LAB//1//mg"]["parent_codes"] == ["LAB//1"]
    assert found["LAB//2"]["parent_codes"] is None


def test_ancestors_are_kept_and_circles_end():
    known = pl.DataFrame(
        {"code": ["a", "b", "c", "d"], "parent_codes": [["b"], ["c"], ["a"], ["a"]]}
    )
    found = codes_that_occur(known, pl.Series(["a"]))
    assert found["code"].to_list() == ["a", "b", "c"]
    assert codes_that_occur(known, pl.Series([], dtype=pl.String())).height == 0
