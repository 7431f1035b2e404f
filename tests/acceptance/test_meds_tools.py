"""Other people's MEDS tools and our files: the schemas, ACES, meds-evaluation; `make test-meds`.

The schemas are those of the package `meds`. The tools stand in an environment of their own
(`scripts/meds_tools.py`); where it was not made, their tests are skipped.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import meds
import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml
from tests.acceptance.command import read, rows, sequela
from tests.cohort.test_aces import MORTALITY

from sequela.events import read_labels

pytestmark = [pytest.mark.long, pytest.mark.data, pytest.mark.timeout(600)]

FOLDER = Path(__file__).resolve().parents[2] / "build" / "meds-tools"


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder of the tools' programs."""
    if not (FOLDER / "stamp").is_file():
        pytest.skip("no build/meds-tools: `make test-meds` makes it and runs these tests")
    return FOLDER / "bin"


@pytest.fixture(scope="module")
def hospitals(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """MEDS of the MIMIC demos, made from their tables."""
    root = tmp_path_factory.mktemp("meds")
    for name in ("mimic3", "mimic4"):
        sequela("ingest", name, data_root / f"{name}_demo", "--out", root / name)
    return {path.name: path for path in root.iterdir()}


@pytest.fixture(scope="module")
def hospital(hospitals: dict[str, Path]) -> Path:
    """MEDS of the MIMIC-IV demo."""
    return hospitals["mimic4"]


@pytest.fixture(scope="module")
def predicted(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the held-out predictions, and those of its model for the same labels."""
    out = tmp_path_factory.mktemp("run") / "eicu"
    raw = f"data={data_root / 'yaib_mortality24' / 'eicu_demo'}"
    # Labels from a file cannot say where a window begins that begins with the stay.
    task = ["source=yaib", raw, "task.after=24h", "task.observation=null"]
    words = ["training.epochs=3", "evaluation.replicates=100", "evaluation.predictions=true"]
    sequela("train", "mortality", *task, *words, f"out={out}")
    cohort = out.parent / "cohort"
    sequela("label", "mortality", *task, f"out={cohort}")
    labels = f"labels={cohort / 'labels'}"
    sequela("predict", out / "model", raw, labels, f"out={out.parent / 'predicted.parquet'}")
    return out


def test_what_is_ingested_has_the_schemas_of_meds(hospital: Path):
    files = sorted((hospital / meds.data_subdirectory).glob("**/*.parquet"))
    assert files
    for file in files:
        meds.DataSchema.validate(pq.read_table(file))
    codes = pq.read_table(hospital / meds.code_metadata_filepath)
    meds.CodeMetadataSchema.validate(codes)
    # These tables say nothing of parts, and so neither do we; for one that does see tests/ingest.
    assert not (hospital / meds.subject_splits_filepath).exists()
    meds.DatasetMetadataSchema.validate(read(hospital / meds.dataset_metadata_filepath))


TASKS = ["length_of_stay", "mortality", "next_visit", "phenotype", "prescription", "readmission"]


@pytest.mark.parametrize("task", TASKS)
def test_labels_have_the_schema_of_meds(task: str, hospital: Path, tmp_path: Path):
    sequela("label", task, f"data={hospital}", f"out={tmp_path / task}")
    for file in (tmp_path / task / "labels").glob("*.parquet"):
        meds.LabelSchema.validate(pq.read_table(file))
    assert read_labels(tmp_path / task / "labels").height


def test_predictions_are_labels_of_meds_with_two_columns_more(predicted: Path):
    for file in (predicted / "predictions.parquet", predicted.parent / "predicted.parquet"):
        table = pq.read_table(file)
        added = ["predicted_boolean_value", "predicted_boolean_probability"]
        assert table.column_names == ["subject_id", "prediction_time", "boolean_value", *added]
        assert not any(column.null_count for column in table.columns)
        meds.LabelSchema.validate(table.drop_columns(added))


@pytest.mark.parametrize(
    ("name", "source"), [("mortality", "mimic4"), ("readmission", "mimic4"), ("lab", "mimic3")]
)
def test_aces_runs_on_our_files_and_gives_our_labels(
    name: str, source: str, hospitals: dict[str, Path], tools: Path, tmp_path: Path
):
    hospital = hospitals[source]
    content = {"mortality": MORTALITY, "readmission": READMISSION, "lab": LAB}[name]
    (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (shard,) = (hospital / "data").glob("*.parquet")
    command = [
        str(tools / "aces-cli"), f"cohort_name={name}", f"cohort_dir={tmp_path}",
        "data.standard=meds", f"data.path={shard}",
        f"output_filepath={tmp_path}/theirs.parquet", f"hydra.run.dir={tmp_path}/log",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    keys = ["subject_id", "prediction_time"]
    theirs = read_labels(tmp_path / "theirs.parquet").select(*keys, "boolean_value").sort(keys)
    task = tmp_path / f"{name}.yaml"
    sequela("label", task, f"data={hospital}", f"out={tmp_path / 'ours'}")
    ours = read_labels(tmp_path / "ours" / "labels").select(*keys, "boolean_value")
    assert 0 < ours["boolean_value"].sum() < ours.height
    assert ours.equals(theirs)


@pytest.mark.parametrize("version", ["0.0.3", "0.0.6"])
def test_meds_evaluation_reads_our_predictions(
    version: str, predicted: Path, tools: Path, tmp_path: Path
):
    older = version == "0.0.3"
    out = tmp_path / "results.json"
    environment = dict(os.environ)
    if older:
        environment["PYTHONPATH"] = str(FOLDER / "older")
    said = 'import importlib.metadata as m; print(m.version("meds-evaluation"))'
    python = [str(tools / "python")]
    called = {"check": True, "capture_output": True, "text": True, "env": environment}
    assert subprocess.run([*python, "-c", said], **called).stdout.strip() == version
    for file in (predicted / "predictions.parquet", predicted.parent / "predicted.parquet"):
        place = f"output_dir={tmp_path}" if older else f"output_file={out}"
        words = ["-m", "meds_evaluation", f"predictions_path={file}", place]
        subprocess.run([*python, *words], cwd=tmp_path, **called)
        theirs = read(out)["samples_equally_weighted"]
        frame = pl.read_parquet(file)
        right = frame["boolean_value"] == frame["predicted_boolean_value"]
        assert theirs["binary_accuracy"] == pytest.approx(right.mean())
        if file.parent == predicted:
            ours = rows(read(predicted / "evaluation.json"))["GRU"]
            # The newer one keeps probabilities in single precision, where close ones may be tied.
            assert theirs["roc_auc_score"] == pytest.approx(ours["auroc"]["value"], abs=1e-4)
            if not older:
                assert theirs["brier_score"] == pytest.approx(ours["brier"]["value"], abs=1e-6)


READMISSION: dict[str, Any] = {
    "predicates": {
        "admission": {"code": {"regex": "^HOSPITAL_ADMISSION//.*"}},
        "discharge": {"code": {"regex": "^HOSPITAL_DISCHARGE//.*"}},
        "death": {"code": "MEDS_DEATH"},
        "either": {"expr": "or(admission, death)"},
    },
    "trigger": "discharge",
    "windows": {
        "input": {
            "start": "end <- admission",
            "end": "trigger",
            "start_inclusive": True,
            "end_inclusive": True,
            "has": {"death": "(None, 0)"},
            "index_timestamp": "end",
        },
        "target": {
            "start": "input.end",
            "end": "start + 30d",
            "start_inclusive": False,
            "end_inclusive": True,
            "label": "admission",
        },
    },
}

LAB: dict[str, Any] = {
    "predicates": {
        "admission": {"code": {"regex": "^ICU_ADMISSION//.*"}},
        "discharge": {"code": {"regex": "^ICU_DISCHARGE//.*"}},
        "creatinine": {"code": {"regex": "^LAB//50912"}},
        "high": {"code": {"regex": "^LAB//50912"}, "value_min": 2.0, "value_min_inclusive": True},
        "female": {"code": "GENDER//F", "static": True},
        "death": {"code": "MEDS_DEATH"},
        "both": {"expr": "and(creatinine, high)"},
    },
    "trigger": "admission",
    "windows": {
        "input": {
            "start": "trigger",
            "end": "start + 48h",
            "start_inclusive": True,
            "end_inclusive": False,
            # ACES predicts for the dead too where the unit discharged them later; we do not.
            "has": {"creatinine": "(2, None)", "discharge": "(None, 0)", "death": "(None, 0)"},
            "index_timestamp": "end",
        },
        "target": {
            "start": "input.end",
            "end": None,
            "start_inclusive": True,
            "end_inclusive": True,
            "label": "both",
        },
    },
}
