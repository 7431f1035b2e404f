"""The table `encoding` of an experiment, and the encoder of a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sequela.batches import ValueEncoder, VisitEncoder
from sequela.errors import BundleError, ConfigError, DataError
from sequela.experiments.experiment import ENCODING_KEYS
from sequela.train.encoding import (
    CodesEncoding,
    ValuesEncoding,
    encoder_from,
    encoding_settings,
    fit_encoder,
)

EVENTS = pl.DataFrame(
    {
        "sample": pl.Series([0, 1], dtype=pl.UInt32),
        "time": pl.Series([0, 0]).cast(pl.Datetime("us")),
        "code": ["A1", "A2"],
        "numeric_value": [1.0, 2.0],
    }
)
LABELS = pl.DataFrame(
    {"subject_id": [1, 2], "prediction_time": pl.Series([5, 5]).cast(pl.Datetime("us"))}
)
SUBGROUPS = pl.DataFrame({"age": [1.0, 2.0], "sex": ["F", "M"]})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "value"}, "'kind' of encoding: got 'value'. Did you mean 'values'"),
        ({"kind": ["values"]}, "'kind' of encoding"),
        ({"gird": "1h"}, "'gird' of encoding: got an unknown key. Did you mean 'grid'"),
        ({"missing": "mean"}, "'missing' of encoding: got an unknown key"),
        ({"min_subjects": 0}, "'min_subjects' of encoding"),
        ({"min_subjects": True}, "'min_subjects' of encoding: got True, wanted a whole number"),
        ({"min_subjects": 2.5}, "'min_subjects' of encoding"),
        ({"grid": 1}, "'grid' of encoding: got 1, wanted text"),
        ({"kind": "values", "facts": 1}, "'facts' of encoding: got 1, wanted true or false"),
        ({"kind": "values", "step": "event"}, "'step' of encoding"),
    ],
)
def test_mistakes_are_told_in_one_line(settings, said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        encoding_settings(settings)
    assert "\n" not in str(caught.value)


def test_the_keys_that_every_kind_has():
    for kind in (CodesEncoding, ValuesEncoding):
        assert set(ENCODING_KEYS) < set(kind.model_fields)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"min_subjects": 1}, VisitEncoder),
        ({"kind": "codes", "min_subjects": 1, "step": "event", "facts": True}, VisitEncoder),
        ({"kind": "values", "min_subjects": 1, "grid": "1h", "missing": "mean"}, ValueEncoder),
    ],
)
def test_the_encoder_comes_back_from_the_bundle(settings, kind):
    found = encoding_settings(settings)
    encoder = fit_encoder(found, EVENTS, LABELS, SUBGROUPS, np.array([0, 1]), None)
    assert isinstance(encoder, kind)
    preparation = {
        "encoding": {"kind": found.kind, "parents": found.parents},
        "encoder": encoder.to_dict(),
    }
    assert encoder_from(preparation) == (encoder, False)


def test_a_map_of_codes(tmp_path: Path):
    (tmp_path / "map.csv").write_text("code,group\nA1,A\nA2,A\n")
    settings = encoding_settings({"min_subjects": 2, "map": str(tmp_path / "map.csv")})
    encoder = fit_encoder(settings, EVENTS, LABELS, SUBGROUPS, np.array([0, 1]), None)
    assert encoder.vocabulary.codes == ("A",)
    absent = encoding_settings({"map": str(tmp_path / "absent.csv")})
    with pytest.raises(DataError, match="no such file"):
        fit_encoder(absent, EVENTS, LABELS, SUBGROUPS, np.array([0, 1]), None)


@pytest.mark.parametrize(
    "encoding",
    [
        None,
        {},
        {"kind": "codes"},
        {"kind": "other", "parents": False},
        {"kind": ["codes"], "parents": False},
        {"kind": "codes", "parents": 1},
        {"kind": "codes", "parents": False, "more": 1},
    ],
)
def test_damaged_bundles_are_refused(encoding):
    with pytest.raises(BundleError):
        encoder_from({"encoding": encoding, "encoder": {}})
    with pytest.raises(BundleError):
        encoder_from({"encoding": {"kind": "values", "parents": False}, "encoder": []})
