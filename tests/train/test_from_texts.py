"""From files of texts to a trained model and its scores, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.cli.command import call

from sequela import experiments
from sequela.errors import ConfigError
from sequela.experiments import SplitSettings
from sequela.train.from_texts import prepare, split_texts

QUICK = (
    "training.epochs=2",
    "training.learning_rate=0.02",
    "evaluation.replicates=100",
    "encoding.min_texts=1",
    "model.embedding_size=6",
    "model.hidden_size=4",
    "model.dropout=0.0",
)
GOOD, BAD = ["warm", "bright", "kind", "clever"], ["cold", "dull", "slow", "flat"]


def written(folder: Path, count: int, name: str = "train.tsv") -> Path:
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(len(name))
    lines = []
    for number in range(count):
        words = random.choice(GOOD if number % 2 else BAD, 3)
        lines.append(f"a {' '.join(words)} tale {number}\t{number % 2}\n")
    (folder / name).write_text("".join(lines))
    return folder


def test_sentiment_from_files_to_scores(tmp_path, capsys):
    data = written(written(tmp_path / "texts", 120), 40, "dev.tsv")
    run = tmp_path / "run"
    assert call("train", "sentiment", f"data={data}", f"out={run}", *QUICK) == 0, (
        capsys.readouterr()
    )
    capsys.readouterr()
    found = json.loads((run / "evaluation.json").read_text())
    names = [row["name"] for row in found["table"]]
    assert names[0] == "bidirectional LSTM"
    assert "TF-IDF of words, logistic regression" in names
    assert "TF-IDF of letters, logistic regression" in names
    assert found["table"][0]["auroc"]["value"] > 0.9
    cohort = json.loads((run / "cohort.json").read_text())
    assert cohort["parts"]["held_out"]["rows"] == 40
    assert sum(cohort["parts"][part]["rows"] for part in ("train", "tuning")) == 120
    page = (run / "report.html").read_text()
    assert "second part; the tuning part is dealt" in page
    assert "customary least number for texts about patients" in page
    assert "warm bright" not in page
    # Others' texts, with and without labels; the bundle needs none of the training texts.
    more = written(tmp_path / "more", 10, "new.tsv")
    out = tmp_path / "scores.parquet"
    assert call("predict", run / "model", f"data={more}", f"out={out}") == 0
    scores = pl.read_parquet(out)
    assert scores.columns[:2] == ["text", "score"]
    assert ((scores["score"] > 0.5).to_numpy() == (np.arange(10) % 2 == 1)).mean() > 0.8
    assert call("evaluate", run / "model", f"data={more}") == 0
    # Whoever wants scores alone need not know the labels, nor have those of training.
    capsys.readouterr()
    for number, text in enumerate(
        ("a warm tale\na cold tale\n", "a warm tale\t7\na cold one\t\u00fc\n")
    ):
        (tmp_path / f"new{number}.tsv").write_text(text, encoding="utf-8")
        data, out = tmp_path / f"new{number}.tsv", tmp_path / f"new{number}.parquet"
        assert call("predict", run / "model", f"data={data}", f"out={out}") == 0
        assert pl.read_parquet(out)["score"].is_sorted(descending=True)
        assert call("evaluate", run / "model", f"data={data}") == 1


def test_names_by_their_characters(tmp_path, capsys):
    folder = tmp_path / "names"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, letters in (("A", "abc"), ("B", "bcd"), ("C", "xyz")):
        made = ["".join(random.choice(list(letters), 5)) for _ in range(60)]
        (folder / f"{name}.txt").write_text("\n".join([*made, "bbb", *(["ccc"] * 2)]))
    run = tmp_path / "run"
    words = [f"data={folder}", f"out={run}", *QUICK, "evaluation.baselines=false"]
    assert call("train", "names", *words) == 0, capsys.readouterr()
    found = json.loads((run / "evaluation.json").read_text())
    assert found["kind"] == "multiclass"
    assert found["classes"] == ["A", "B", "C", "several"]
    # Parts share no name.
    prepared = prepare(experiments.load("names", [f"data={folder}"]))
    texts = [set(part.features) for part in prepared.parts.values()]
    assert all(texts)
    assert sum(map(len, texts)) == len(set.union(*texts))
    # Nothing is learnt from other texts than those of the training part.
    known = set(prepared.preparation["encoder"]["units"])
    assert known <= set("".join(prepared.parts["train"].features))


def test_parts():
    groups, settings = np.arange(20), SplitSettings(fractions=(0.6, 0.2, 0.2))
    dealt, said = split_texts([None] * 20, groups, None, settings, 0)
    assert sorted(np.unique(dealt, return_counts=True)[1].tolist()) == [4, 4, 12]
    assert not said
    given: list[str | None] = ["train"] * 12 + ["tuning"] * 4 + ["held_out"] * 4
    kept, said = split_texts(given, groups, None, settings, 0)
    assert kept.tolist() == given
    assert "of the source" in said[0]
    two, _ = split_texts(["train"] * 12 + ["tuning"] * 8, groups, None, settings, 0)
    assert (two[12:] == "held_out").all()
    assert np.count_nonzero(two[:12] == "tuning") == 3
    anew, _ = split_texts(given, groups, None, SplitSettings(source="assign"), 0)
    assert anew.tolist() != given
    with pytest.raises(ConfigError, match=r"split\.by"):
        split_texts(given, groups, None, SplitSettings(by="time"), 0)


def test_what_is_asked_of_texts_alone(tmp_path, capsys):
    data = written(tmp_path / "texts", 20)
    assert call("check", "sentiment", data) == 2
    assert "a task on texts" in capsys.readouterr().err
    words = ["train", "sentiment", f"data={data}", f"out={tmp_path / 'run'}"]
    assert call(*words, "source=text_pairs") == 2
    assert "wanted TextSet" in capsys.readouterr().err
    assert call(*words, "encoding.unit=letters") == 2
    assert "words" in capsys.readouterr().err
    assert call("inspect", data, "--source", "labelled_texts", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["texts"], found["labels"], found["parts"]) == (20, 2, {"train": 20})
    assert [row["texts"] for row in found["tables"]["labels"]] == []
    assert call("inspect", data, "--source", "labelled_texts", "min_subjects=5") == 0
