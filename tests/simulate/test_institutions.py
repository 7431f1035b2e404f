"""The second institution: the same law, other words, sicker patients."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from sequela import simulate
from sequela.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    root = tmp_path_factory.mktemp("institutions")
    return [
        simulate.cohort(root / name, 1500, seed=3, institution=name) for name in ("first", "second")
    ]


def test_the_map_leads_back_to_the_codes_of_the_first(both):
    first, second = (set(data.read()["code"].unique()) for data in both)
    pairs = pl.read_csv(both[1].root / simulate.MAP_FILE)
    back = dict(pairs.iter_rows())
    assert pairs.height == len(second - first) == 22
    assert {back.get(code, code) for code in second} == first
    assert not (both[0].root / simulate.MAP_FILE).exists()
    assert set(both[1].code_descriptions()) >= set(back)


def test_its_truth_is_recomputed_from_what_was_written(both):
    truth = pl.read_parquet(both[1].root / simulate.TRUTH_FILE)
    again = simulate.true_risk(both[1], truth)
    np.testing.assert_allclose(again, truth["risk"].to_numpy(), rtol=1e-9)


def test_its_patients_are_sicker(both):
    risks = [pl.read_parquet(data.root / simulate.TRUTH_FILE)["risk"] for data in both]
    assert risks[1].mean() > 1.4 * risks[0].mean()


def test_an_unknown_institution_is_refused(tmp_path, both):
    with pytest.raises(ConfigError, match="second"):
        simulate.cohort(tmp_path / "x", 10, institution="secnd")
    changed = simulate.cohort(tmp_path / "y", 10, institution="second")
    (changed.root / "truth" / "institution.json").write_text('{"name": "third"}')
    with pytest.raises(DataError, match="institution"):
        simulate.true_risk(changed, pl.read_parquet(changed.root / simulate.TRUTH_FILE))
