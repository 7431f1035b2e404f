"""Code by code from one institution's vocabulary to another's, and how far they overlap.

What the model knows keeps its number. Codes that enough training patients of the new institution
have, and that the model has never seen, come behind it. A user's map says which of the model's
codes a local one stands for; a code of the map is then known, however rare it is here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from sequela.batches import ValueEncoder
from sequela.batches.groups import CodeGroups
from sequela.batches.learning import Learnt
from sequela.events import Vocabulary
from sequela.train.encoding import Encoder
from sequela.train.from_events import Tables

__all__ = ["Remapped", "fitted_like", "known", "map_through", "overlap", "remapped"]

_SHOWN = 10


@dataclass(frozen=True)
class Remapped:
    """An encoder that knows what the model knows, and the new institution's codes behind it.

    Args:
        encoder: of the new institution.
        rows: int64 ``[V]``, the number that the model has for each code, -1 for a new one.
    """

    encoder: Encoder
    rows: np.ndarray


def map_through(user: CodeGroups | None, own: CodeGroups) -> CodeGroups:
    """A user's map followed by the model's own groups, which are of the model's codes.

    Args:
        user: from the new institution's codes to the model's, or None.
        own: from the model's codes to the groups that its vocabulary is of.
    """
    if user is None:
        return own
    after = own.pairs.rename({"code": "group", "group": "last"})
    joined = user.pairs.join(after, on="group", how="left")
    through = joined.select("code", group=pl.coalesce("last", "group"))
    return CodeGroups.joined(CodeGroups.of(through.iter_rows()), own)


def fitted_like(
    encoder: Encoder,
    tables: Tables,
    rows: np.ndarray,
    groups: CodeGroups,
    parents: CodeGroups | None,
    min_subjects: int,
) -> Encoder:
    """An encoder of the same kind, fitted anew on some training rows.

    Args:
        encoder: whose kind and settings.
        tables: of the new institution.
        rows: int64, of the labels; nothing is learnt from others.
        groups: which group stands for a code.
        parents: of the data set, or None.
        min_subjects: codes of fewer patients stay unknown.
    """
    options: dict[str, Any] = {"grid": encoder.grid, "online": encoder.online}
    options["facts"] = bool(encoder.static.codes or len(encoder.static.values))
    if isinstance(encoder, ValueEncoder):
        options["missing"] = encoder.missing
    else:
        options["step"] = encoder.step
    fixed = {"rows": rows, "groups": groups, "parents": parents, "min_subjects": min_subjects}
    return type(encoder).fit(*tables.encodable, **fixed, **options)


def remapped(encoder: Encoder, fresh: Encoder) -> Remapped:
    """The model's encoder with the codes that another one knows beside it.

    Everything else (the scale of age, sexes, variables and their scales) stays the model's.

    Args:
        encoder: of the model.
        fresh: fitted at the new institution, with the groups that are to hold there.
    """
    own, other = encoder.vocabulary, fresh.vocabulary
    there = set(own.codes)
    added = [pair for pair in zip(other.codes, other.subjects, strict=True) if pair[0] not in there]
    vocabulary = Vocabulary(
        (*own.codes, *(code for code, _ in added)),
        (*own.subjects, *(count for _, count in added)),
        min(own.min_subjects, other.min_subjects),
    )
    rows = np.full(len(vocabulary), -1, np.int64)
    rows[: len(own)] = np.arange(len(own))
    return Remapped(replace(encoder, vocabulary=vocabulary, groups=fresh.groups), rows)


def known(encoder: Encoder, names: pl.Series, parents: CodeGroups | None) -> np.ndarray:
    """Bool ``[k]``: which of some distinct codes mean anything to an encoder."""
    rows = pl.DataFrame({"code": names}).with_row_index("row")
    grouped = CodeGroups.joined(encoder.groups, parents).apply(rows)
    there = encoder.vocabulary.encode(grouped["code"]) > 0
    if isinstance(encoder, ValueEncoder):
        there |= grouped["code"].is_in(list(encoder.scales.names)).to_numpy()
    found = np.zeros(len(names), bool)
    found[grouped["row"].to_numpy()[there]] = True
    return found


def overlap(
    encoder: Encoder,
    found: Remapped,
    tables: Tables,
    rows: np.ndarray,
    parents: CodeGroups | None,
    min_subjects: int,
) -> dict[str, Any]:
    """How much of what happens at the new institution the model has words for, JSON-ready.

    Args:
        encoder: of the model, as it was trained.
        found: what :func:`remapped` gave.
        tables: of the new institution.
        rows: of its training part.
        parents: of the data set, or None.
        min_subjects: codes of fewer patients are not named.

    Returns:
        ``kinds``, by "shared", "mapped", "new" and "unknown" the number of ``codes`` and the share
        of ``events`` of the training part; ``unused``, codes of the model that do not occur in it;
        ``frequent``, the most frequent new codes with their share of events.
    """
    learnt = Learnt.of(tables.events, tables.labelled.labels, rows)
    present = np.bincount(learnt.code, minlength=len(learnt.names))
    shared = known(encoder, learnt.names, parents)
    old = replace(encoder, groups=found.encoder.groups)
    mapped = known(old, learnt.names, parents) & ~shared
    new = known(found.encoder, learnt.names, parents) & ~shared & ~mapped
    named = {"shared": shared, "mapped": mapped, "new": new, "unknown": ~(shared | mapped | new)}
    total = max(int(present.sum()), 1)
    kinds = {
        kind: {
            "codes": int((there & (present > 0)).sum()),
            "events": float(present[there].sum() / total),
        }
        for kind, there in named.items()
    }
    every = CodeGroups.joined(found.encoder.groups, parents)
    seen = pl.DataFrame({"code": learnt.names.filter(pl.Series(present > 0))})
    spoken = set(every.apply(seen)["code"].to_list())
    frequent = set(learnt.vocabulary(min_subjects).codes)
    order = np.argsort(-present, kind="stable")
    told = [place for place in order if new[place] and learnt.names[int(place)] in frequent]
    return {
        "kinds": kinds,
        "unused": len(set(encoder.vocabulary.codes) - spoken),
        "frequent": [
            {"code": learnt.names[int(place)], "events": float(present[place] / total)}
            for place in told[:_SHOWN]
        ],
    }
