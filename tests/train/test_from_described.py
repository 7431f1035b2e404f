"""From signals with texts to a model that writes, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.cli.command import call

from sequela import experiments
from sequela.errors import ConfigError, LabelError
from sequela.train.from_described import prepare

QUICK = ("training.progress=false", "evaluation.replicates=100", "training.batch_size=8")
SPEAKERS = (*QUICK, "training.epochs=25", "training.learning_rate=0.02", "model.hidden_size=12")
CANVAS = (*QUICK, "training.epochs=1", "task.compose.passes=2", "model.filters=2")


@pytest.fixture(scope="module")
def voices(tmp_path_factory) -> Path:
    """Three voices that differ in one channel and say something of 3 to 5 frames."""
    folder, random = tmp_path_factory.mktemp("voices"), np.random.default_rng(0)
    for part, count in (("TRAIN", 20), ("TEST", 9)):
        lines = ["@classLabel true a b c", "@data"]
        for number in range(3 * count):
            length, voice = int(random.integers(3, 6)), number % 3
            rows = random.normal(size=(2, length)) * 0.3 + np.array([[voice - 1.0], [0.0]]) * 2
            rows[:, 0] = 5.0  # each begins alike
            texts = [",".join(f"{x:.3f}" for x in row) for row in rows]
            lines.append(f"{':'.join(texts)}:{'abc'[voice]}")
        (folder / f"voices_{part}.ts").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """Images of three digits that differ by where they are bright."""
    random, rows = np.random.default_rng(0), []
    for number in range(60):
        image = random.integers(0, 3, (8, 8))
        image[2 * (number % 3) + 1] = 16
        rows.append(",".join(map(str, [*image.ravel(), number % 3])))
    path = tmp_path_factory.mktemp("digits") / "digits.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def table(folder: Path) -> dict[str, dict]:
    found = json.loads((folder / "evaluation.json").read_text())
    assert found["kind"] == "written"
    return {row["name"]: row for row in found["table"]}


@pytest.mark.long
def test_ctc_from_files_to_labels(voices, tmp_path, capsys):
    run = tmp_path / "run"
    assert call("train", "speakers", f"data={voices}", f"out={run}", *SPEAKERS) == 0
    rows = table(run)
    mine = rows["bidirectional LSTM with CTC"]["error_rate"]["value"]
    assert mine < rows["most frequent text"]["error_rate"]["value"] / 3
    assert rows["frames alone, collapsed"]["error_rate"]["value"] < 0.8
    page = (run / "report.html").read_text()
    assert "Word error rate" in page
    out = tmp_path / "written.parquet"
    assert call("predict", run / "model", f"data={voices}", f"out={out}") == 0
    found = pl.read_parquet(out)
    assert set(" ".join(found["written"]).split()) == {"a", "b", "c"}
    # Each record as it comes, and not what the task would join.
    assert found["recording"].to_list()[:2] == ["voices_TEST 1", "voices_TEST 2"]
    assert found.height == 3 * 29
    right = [name.split("_")[1].split()[1] for name in found["recording"]]
    said = found["written"].to_list()
    assert (
        np.mean(["abc"[(int(k) - 1) % 3] == one for k, one in zip(right, said, strict=True)]) > 0.8
    )
    capsys.readouterr()
    assert call("evaluate", run / "model", f"data={voices}", "--json") == 0
    assert json.loads(capsys.readouterr().out)["n"] < found.height


@pytest.mark.long
def test_captions_from_files_to_sentences(digits, tmp_path):
    run = tmp_path / "run"
    assert call("train", "canvas", f"data={digits}", f"out={run}", *CANVAS) == 0
    rivals = {"most frequent text", "text of the nearest", "network for each place"}
    assert set(table(run)) == {"convolutions and GRU with attention", *rivals}
    out = tmp_path / "written.parquet"
    assert call("predict", run / "model", f"data={digits}", f"out={out}") == 0


@pytest.mark.long
@pytest.mark.parametrize("classes", [4, 10])
def test_moving_images_from_files_to_classes(classes, digits, tmp_path):
    given = ["training.epochs=1", "evaluation.baselines=false", "task.compose.passes=2"]
    if classes == 10:
        names = [{"name": str(k), "values": [f"{k} {way}" for way in WAYS]} for k in range(3)]
        given += ["task.classes=3", f"task.groupings={json.dumps({3: names})}"]
    words = (f"data={digits}", f"out={tmp_path / 'run'}", *QUICK, *given)
    assert call("train", "moving_digits", *words) == 0
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert found["kind"] == "multiclass"
    out = tmp_path / "scores.parquet"
    assert call("predict", tmp_path / "run" / "model", f"data={digits}", f"out={out}") == 0


WAYS = ("up", "down", "left", "right")


def test_the_source_says_which_part(voices):
    prepared = prepare(experiments.load("speakers", [f"data={voices}"]))
    assert sum(len(text.split()) for (text,) in prepared.parts["held_out"].truth) in (26, 27)
    assert any("source's second part" in note for note in prepared.notes)
    assert prepared.sizes["tokens"] == 4
    assert set(prepared.preparation["writer"]["tokens"]) == {"a", "b", "c"}


def test_mistakes(voices, tmp_path):
    data, text = f"data={voices}", tmp_path / "words" / "a.txt"
    text.parent.mkdir()
    text.write_text("words")
    with pytest.raises(ConfigError, match="another kind of data"):
        prepare(experiments.load("speakers", [f"data={text}", "source=text_stream"]))
    with pytest.raises(ConfigError, match="frame, hop, spectrum, together"):
        prepare(experiments.load("speakers", [data, "encoding.frames.width=3"]))
    with pytest.raises(ConfigError, match="together"):
        prepare(experiments.load("speakers", [data, "encoding.frames.together=2"]))
    (tmp_path / "a.ts").write_text("@classLabel false\n@data\n1,2\n")
    with pytest.raises(LabelError, match="no texts"):
        prepare(experiments.load("speakers", [f"data={tmp_path / 'a.ts'}"]))
