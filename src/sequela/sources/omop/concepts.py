"""Concepts of OMOP as codes: vocabulary and code where the vocabulary is there, else a number."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from sequela.events.cells import as_integers
from sequela.events.rows import TextTable

__all__ = ["Vocabulary"]

_CODE = "{}//{}"

#: Vocabularies that other sources call differently: one code set is to fit all of them.
_NAMES = {"RxNorm": "RXNORM", "ICD9Proc": "ICD9PROC", "CPT4": "CPT"}
_KINDS = {"concept_id": pl.Int64(), "code": pl.String()}


class Vocabulary:
    """The table ``concept`` and its hierarchy, read when first asked for.

    Args:
        tables: those of the data set, by name; all of the vocabulary may be missing.
    """

    def __init__(self, tables: dict[str, TextTable]):
        self._tables = tables
        self._codes: pl.DataFrame | None = None

    @property
    def present(self) -> bool:
        """Whether concepts have names."""
        return "concept" in self._tables

    def codes(self) -> pl.DataFrame:
        """``concept_id`` and its ``code`` such as ``SNOMED//38341003``."""
        if self._codes is None:
            parts = [pl.DataFrame(schema=_KINDS)]
            if self.present:
                names = ("concept_id", "vocabulary_id", "concept_code")
                for rows in self._tables["concept"].frames(names):
                    code = pl.format(_CODE, pl.col("vocabulary_id").replace(_NAMES), "concept_code")
                    rows = rows.with_columns(as_integers(rows["concept_id"])).select(
                        "concept_id", code.alias("code")
                    )
                    parts.append(rows.drop_nulls())
            self._codes = pl.concat(parts).unique("concept_id", keep="first")
        return self._codes

    def code_of(self, rows: pl.DataFrame, columns: Iterable[str], value: str) -> pl.Series:
        """The codes of some rows.

        Args:
            rows: of a table, in text.
            columns: of concepts; the first that is there and not 0 counts.
            value: the column of the source's own words, for rows without a concept.

        Returns:
            ``VOCABULARY//CODE``; ``OMOP//NUMBER`` for a concept that the vocabulary lacks;
            ``UNMAPPED//WORDS`` without a concept; null without anything.
        """
        number = _first_number(rows, columns)
        frame = number.to_frame().join(
            self.codes(), on="concept_id", how="left", maintain_order="left"
        )
        words = rows[value] if value in rows.columns else _nothing(rows.height)
        frame = frame.with_columns(words.str.strip_chars().alias("words"))
        return frame.select(
            pl.when(pl.col("code").is_not_null())
            .then("code")
            .when(pl.col("concept_id").is_not_null())
            .then(pl.format("OMOP//{}", "concept_id"))
            .when(pl.col("words") != "")
            .then(pl.format("UNMAPPED//{}", "words"))
            .alias("code")
        ).to_series()

    def words(self, used: pl.Series) -> pl.DataFrame:
        """``code``, ``description`` and ``parent_codes`` of concepts and of all above them."""
        kinds = {**_KINDS, "description": pl.String(), "parent_codes": pl.List(pl.String())}
        if not self.present:
            return pl.DataFrame(schema=kinds).drop("concept_id")
        pairs = self._pairs()
        wanted = used.drop_nulls().unique().alias("concept_id")
        while True:
            above = pairs.join(wanted.to_frame(), on="concept_id", how="semi")["above"]
            grown = pl.concat([wanted, above.alias("concept_id")]).unique()
            if len(grown) == len(wanted):
                break
            wanted = grown
        named = [pl.DataFrame(schema={"concept_id": pl.Int64(), "description": pl.String()})]
        for rows in self._tables["concept"].frames(("concept_id", "concept_name")):
            rows = rows.select(as_integers(rows["concept_id"]), description="concept_name")
            named.append(rows.join(wanted.to_frame(), on="concept_id", how="semi"))
        codes = self.codes()
        parents = (
            pairs.join(codes, left_on="above", right_on="concept_id")
            .group_by("concept_id")
            .agg(pl.col("code").unique().sort().alias("parent_codes"))
        )
        return (
            codes.join(wanted.to_frame(), on="concept_id", how="semi")
            .join(pl.concat(named).unique("concept_id"), on="concept_id", how="left")
            .join(parents, on="concept_id", how="left")
            .sort("code", "concept_id")
            .drop("concept_id")
        )

    def _pairs(self) -> pl.DataFrame:
        """``concept_id`` and the concept directly ``above`` it."""
        kinds = {"concept_id": pl.Int64(), "above": pl.Int64()}
        found = [pl.DataFrame(schema=kinds)]
        if "concept_ancestor" in self._tables:
            names = (
                "descendant_concept_id",
                "ancestor_concept_id",
                "min_levels_of_separation",
            )
            for rows in self._tables["concept_ancestor"].frames(names):
                if set(names) <= set(rows.columns):
                    rows = rows.filter(pl.col(names[2]).str.strip_chars() == "1")
                    found.append(_two_numbers(rows, names[0], names[1]))
        pairs = pl.concat(found)
        # Extracts of vocabularies often have one of the two tables.
        if not pairs.height and "concept_relationship" in self._tables:
            names = ("concept_id_1", "concept_id_2", "relationship_id")
            for rows in self._tables["concept_relationship"].frames(names):
                if set(names) <= set(rows.columns):
                    rows = rows.filter(pl.col(names[2]).str.strip_chars() == "Is a")
                    found.append(_two_numbers(rows, names[0], names[1]))
            pairs = pl.concat(found)
        return pairs.drop_nulls().unique().filter(pl.col("concept_id") != pl.col("above"))


def _two_numbers(rows: pl.DataFrame, below: str, above: str) -> pl.DataFrame:
    return pl.DataFrame({"concept_id": as_integers(rows[below]), "above": as_integers(rows[above])})


def _nothing(rows: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String()).new_from_index(0, rows)


def _first_number(rows: pl.DataFrame, columns: Iterable[str]) -> pl.Series:
    read = [as_integers(rows[column]).alias(column) for column in columns if column in rows.columns]
    frame = pl.DataFrame([_nothing(rows.height).cast(pl.Int64()).alias("none"), *read])
    # Concept 0 says that there is none.
    chosen = [pl.when(pl.col(name) != 0).then(name) for name in frame.columns]
    return frame.select(pl.coalesce(chosen).alias("concept_id")).to_series()
