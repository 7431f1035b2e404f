"""From one long text to a trained model and text of its own, through the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.cli.command import call

from sequela import bundle, experiments, tasks
from sequela.errors import BundleError, ConfigError, DataError
from sequela.train.from_streams import prepare, written

QUICK = (
    "training.k1=10",
    "training.batch_size=8",
    "evaluation.replicates=100",
    "training.epochs=8",
)
SMALL = ("model.hidden_size=16", "model.embedding_size=4", "model.dropout=0.0", "encoding.row=400")


def test_the_example_of_the_task():
    example = Path(tasks.__file__).parent / "next_character" / "example"
    words = [f"data={example / 'text.txt'}", "encoding={min_count: 1, block: 2, context: 1}"]
    found = prepare(experiments.load("shakespeare", [*words, "split.fractions=[0.6, 0.2, 0.2]"]))
    symbols = found.preparation["encoder"]["symbols"]
    rows = []
    for name, part in found.parts.items():
        for number, codes in enumerate(part.features):
            read, asked = (
                "".join(["?", *symbols, "-"][code] for code in column) for column in codes.T
            )
            rows.append({"part": name, "block": str(number), "read": read, "asked": asked})
    with (example / "expected.csv").open() as file:
        assert rows == list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    random = np.random.default_rng(0)
    words = ["to be ", "or not ", "the ", "question "]
    text = "".join(random.choice(words) for _ in range(500))
    (folder / "text.txt").write_text(text)
    given = [f"data={folder / 'text.txt'}", f"out={folder / 'run'}", *QUICK, *SMALL]
    given += ["encoding.block=60", "encoding.context=20", "training.clip_norm=0.1"]
    assert call("train", "shakespeare", *given, "training.learning_rate=0.02") == 0
    return folder


def test_figures_rival_and_report(run):
    found = json.loads((run / "run" / "evaluation.json").read_text())
    assert found["kind"] == "likelihood"
    table = {row["name"]: row for row in found["table"]}
    assert set(table) == {"LSTM", next(name for name in table if name.startswith("counts of"))}
    # Of four equally probable words of some six letters: log(4) / 6 nats at best.
    assert 0.2 < table["LSTM"]["nats"]["value"] < 1.0
    assert table["LSTM"]["bits"]["value"] == pytest.approx(
        table["LSTM"]["nats"]["value"] / np.log(2)
    )
    page = (run / "run" / "report.html").read_text()
    assert "Nats per symbol" in page
    assert "From beginning to end" in page
    assert "question" not in page
    lines = [json.loads(line) for line in (run / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [line["train_loss"] for line in lines if line["kind"] == "epoch"]
    assert losses[-1] < losses[0] / 2


def test_another_text_is_judged(run, tmp_path, capsys):
    (tmp_path / "new.txt").write_text("to be or not to be \x00 the question " * 9)
    model, data = run / "run" / "model", f"data={tmp_path / 'new.txt'}"
    assert call("evaluate", model, data) == 0
    assert "nats per symbol" in capsys.readouterr().out
    assert call("predict", model, data, f"out={tmp_path / 'nats.parquet'}") == 0
    assert pl.read_parquet(tmp_path / "nats.parquet").columns == ["block", "nats_per_symbol"]


def test_it_writes(run):
    model = run / "run" / "model"
    text = written(model, "to ", 60, temperature=0.5, seed=3)
    assert len(text) == 60
    assert text == written(model, "to ", 60, temperature=0.5, seed=3)
    assert text != written(model, "to ", 60, temperature=0.5, seed=4)
    assert set(text) <= set(bundle.load(model).preparation["encoder"]["symbols"])
    known = {"to", "be", "or", "not", "the", "question"}
    words = written(model, " ", 300, top_k=2, temperature=0.3).split()[1:-1]
    assert sum(word in known for word in words) > 0.8 * len(words)


def test_the_command_writes(run, tmp_path, capsys):
    model = run / "run" / "model"
    options = ("--length", 40, "--temperature", 0.5, "--top-k", 3, "--seed", 3)
    assert call("write", model, "to ", *options) == 0
    said = capsys.readouterr().out
    wanted = written(model, "to ", 40, temperature=0.5, top_k=3, seed=3)
    assert said == f"to {wanted}\n"
    assert call("write", model, *options) == 0
    assert (
        capsys.readouterr().out == written(model, "\n", 40, temperature=0.5, top_k=3, seed=3) + "\n"
    )
    assert call("write", model, "to ", "--map", tmp_path / "map.svg") == 2
    assert "wanted one that translates" in capsys.readouterr().err


def test_mistakes(run, tmp_path):
    data = f"data={Path(tasks.__file__).parent / 'text_class' / 'example' / 'texts.tsv'}"
    with pytest.raises(ConfigError, match="TextStream"):
        prepare(experiments.load("shakespeare", [data, "source=labelled_texts"]))
    with pytest.raises(ConfigError, match=r"split\.by"):
        prepare(experiments.load("shakespeare", [f"data={run / 'text.txt'}", "split.by=time"]))
    (tmp_path / "a.txt").write_text("abcd")
    with pytest.raises(DataError, match="4 characters"):
        prepare(experiments.load("shakespeare", [f"data={tmp_path / 'a.txt'}"]))
    with pytest.raises(BundleError):
        written(tmp_path, "a", 3)
