"""From pairs of texts to a model that writes, through the command line."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path

import polars as pl
import pytest
import torch
from tests.cli.command import call

from sequela import bundle, experiments, recipes, sources, tasks
from sequela.batches.pairs import TargetEncoder
from sequela.batches.texts import TextEncoder, TextEncoding
from sequela.errors import ConfigError, DataError
from sequela.notes import TextPair
from sequela.train.from_pairs import answered, distinct, prepare

WORDS = {"one": "un", "big": "grand", "small": "petit", "red": "rouge", "dog": "chien"}
LIKELY = "likelihood"
QUICK = (
    "training.epochs=15",
    "training.batch_size=16",
    "training.learning_rate=0.02",
    "evaluation.replicates=100",
    "encoding={read: {min_texts: 1}, min_texts: 1}",
    "model.embedding_size=12",
    "model.hidden_size=16",
    "model.dropout=0.0",
)


def test_the_example_of_the_task():
    example = Path(tasks.__file__).parent / "text_to_text" / "example"
    rows, others = distinct(list(sources.read("text_pairs", example / "pairs.tsv")))
    with (example / "expected.csv").open() as file:
        wanted = list(csv.DictReader(file))
    found = [
        {"text": one.text, "others": "|".join(some)} for one, some in zip(rows, others, strict=True)
    ]
    assert found == wanted
    with pytest.raises(DataError, match="1 texts without their fellow"):
        distinct([TextPair("a", "b")])


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A language with the same words in the other order."""
    folder = tmp_path_factory.mktemp("pairs")
    lines = []
    for count in (1, 2, 3):
        for words in itertools.permutations(WORDS, count):
            other = " ".join(WORDS[word] for word in reversed(words))
            lines.append(f"{' '.join(words)}\t{other}\n")
    lines += [f"two\t{other}\n" for other in ("deux", "les deux")]
    (folder / "pairs.tsv").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def run(data) -> Path:
    assert (
        call("train", "phrases", f"data={data / 'pairs.tsv'}", f"out={data / 'run'}", *QUICK) == 0
    )
    return data


@pytest.mark.long
def test_figures_rival_and_report(run):
    found = json.loads((run / "run" / "evaluation.json").read_text())
    assert found["kind"] == "written"
    table = {row["name"]: row for row in found["table"]}
    assert set(table) == {"GRU with attention", "text of the nearest"}
    mine, nearest = table["GRU with attention"], table["text of the nearest"]
    assert mine["exact"]["value"] > nearest["exact"]["value"]
    assert mine["chrf"]["value"] > 50
    page = (run / "run" / "report.html").read_text()
    assert "chrF" in page
    assert "Length by length" in page
    assert "rouge" not in page
    scores = pl.read_parquet(run / "run" / "scores.parquet")
    assert scores.columns == ["part", "group", "chrf"]


@pytest.mark.long
def test_it_writes_and_is_judged(run, tmp_path, capsys):
    (tmp_path / "new.tsv").write_text("big red dog\tchien rouge grand\none\tun\none\tune\n")
    model, data = run / "run" / "model", f"data={tmp_path / 'new.tsv'}"
    out = tmp_path / "written.parquet"
    assert call("predict", model, data, f"out={out}") == 0
    found = pl.read_parquet(out)
    assert found["text"].to_list() == ["new 1", "new 2"]
    assert set(" ".join(found["written"]).split()) <= {*WORDS.values(), "deux", "les"}
    capsys.readouterr()
    assert call("evaluate", model, data, "--json") == 0
    assert json.loads(capsys.readouterr().out)["n"] == 2
    (tmp_path / "alone.tsv").write_text("big red dog\none\n")
    data, out = f"data={tmp_path / 'alone.tsv'}", tmp_path / "alone.parquet"
    assert call("predict", model, data, f"out={out}") == 0
    assert pl.read_parquet(out)["written"].to_list() == found["written"].to_list()
    assert call("evaluate", model, data) == 1
    assert "no labels" in capsys.readouterr().err


def test_an_answer_and_what_it_looked_at(tmp_path, capsys):
    torch.manual_seed(0)
    reader = TextEncoder(TextEncoding(min_texts=1), ["big", "dog"])
    writer = TargetEncoder("words", ["chien", "▁grand"])
    sizes = {"vocabulary_size": reader.size, "tokens": writer.size, "most": 4, "hidden_size": 5}
    weights = recipes.build("seq2seq_attention", **sizes).state_dict()
    both = {"kind": "pairs", "reader": reader.to_dict(), "writer": writer.to_dict()}
    model = bundle.save(
        tmp_path / "model", "seq2seq_attention", sizes, weights, both, {"title": "a"}, kind=LIKELY
    )
    found = answered(model, "Big dog")
    assert found.read == ["big", "dog"]
    assert found.attention.shape == (len(found.tokens) + 1, 2)
    assert found.attention.sum(axis=1) == pytest.approx(1)
    assert found.text == writer.text(writer.encode([found.text], 9)[0].tolist())
    assert call("write", model, "Big dog", "--map", tmp_path / "map.svg") == 0
    assert capsys.readouterr().out == found.text + "\n"
    drawn = (tmp_path / "map.svg").read_text()
    assert drawn.startswith("<svg xmlns=")
    assert "dog" in drawn
    with pytest.raises(DataError, match="nothing to read"):
        answered(model, "  ")


def test_parts_share_no_first_text(data):
    prepared = prepare(experiments.load("phrases", [f"data={data / 'pairs.tsv'}", *QUICK]))
    groups = [set(part.samples.groups) for part in prepared.parts.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 86
    known = set(prepared.preparation["writer"]["tokens"])
    learnt = " ".join(some[0] for some in prepared.parts["train"].truth)
    assert {token.removeprefix("▁") for token in known} <= set(learnt.split())


def test_mistakes(data, tmp_path):
    data = f"data={data / 'pairs.tsv'}"
    with pytest.raises(ConfigError, match="PairSet"):
        prepare(experiments.load("phrases", [data, "source=labelled_texts"]))
    with pytest.raises(ConfigError, match="encoding"):
        prepare(experiments.load("phrases", [data, "encoding.read.unit=letters"]))
    (tmp_path / "a.tsv").write_text("a\nb\n")
    with pytest.raises(DataError, match="2 texts without their fellow"):
        prepare(experiments.load("phrases", [f"data={tmp_path / 'a.tsv'}"]))
    (tmp_path / "a.tsv").write_text("a\tb\n")
    with pytest.raises(DataError, match="too few for three parts"):
        prepare(experiments.load("phrases", [f"data={tmp_path / 'a.tsv'}"]))
