"""Lists in rows of their own."""

from __future__ import annotations

import polars as pl

from sequela.events.lists import unfolded


def test_an_item_a_row_and_no_row_without_one():
    lists = pl.Series("items", [["b", "a"], [], None, ["c"]], dtype=pl.List(pl.String))
    frame = pl.DataFrame({"row": [0, 1, 2, 3], "items": lists})
    assert unfolded(frame, "items").rows() == [(0, "b"), (0, "a"), (3, "c")]
    assert unfolded(frame[1:3], "items").rows() == []
    assert unfolded(frame[1:3], "items").schema == {"row": pl.Int64, "items": pl.String}
