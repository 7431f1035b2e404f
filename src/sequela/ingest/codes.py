"""What is known of the codes that occur: their own words, or those of the code they refine."""

from __future__ import annotations

import polars as pl

from sequela.events.lists import unfolded

__all__ = ["SEPARATOR", "codes_that_occur"]

#: Between the parts of a code; ``LAB//50912//mg/dL`` refines ``LAB//50912``.
SEPARATOR = "//"

_KINDS = {"code": pl.String(), "description": pl.String(), "parent_codes": pl.List(pl.String())}


def codes_that_occur(known: pl.DataFrame, seen: pl.Series) -> pl.DataFrame:
    """The rows of a code table that the data need.

    A code that the source says nothing about, but of whose first parts it does, takes their
    description and has them as parent: laboratory tests are described whatever their unit.

    Args:
        known: column ``code``, and ``description`` and ``parent_codes`` where known; of a code that
            stands twice the first row counts.
        seen: the distinct codes of the data.

    Returns:
        The three columns, for what is known of the codes and of all their ancestors.
    """
    absent = [
        pl.lit(None, kind).alias(name) for name, kind in _KINDS.items() if name not in known.columns
    ]
    known = known.with_columns(absent).select(pl.col(n).cast(kind) for n, kind in _KINDS.items())
    known = known.drop_nulls("code").unique("code", keep="first", maintain_order=True)
    known = pl.concat([known, _refined(known, seen)])
    wanted = seen.alias("code")
    while True:
        kept = known.join(wanted.to_frame(), on="code", how="semi")
        parents = unfolded(kept, "parent_codes")["parent_codes"].drop_nulls().alias("code")
        grown = pl.concat([wanted, parents]).unique()
        if len(grown) == len(wanted):
            return kept
        wanted = grown


def _refined(known: pl.DataFrame, seen: pl.Series) -> pl.DataFrame:
    described = dict(known.select("code", "description").iter_rows())
    rows = []
    for code in seen:
        if code in described:
            continue
        # Parts are split from the left: in LOINC//8867-4///min the unit is /min.
        parts = code.split(SEPARATOR)
        shorter = (SEPARATOR.join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
        parent = next((one for one in shorter if one in described), None)
        if parent:
            rows.append((code, described[parent], [parent]))
    return pl.DataFrame(rows, schema=_KINDS, orient="row")
