"""The table of recipes: names, arguments, mistakes."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from sequela import recipes
from sequela.errors import ConfigError

EVENTS = {"vocabulary_size": 5, "step_size": 2, "static_size": 1}
SIZES = {
    "captioner": {"tokens": 4, "step_size": 4},
    "char_lm": {"vocabulary_size": 5},
    "conv_rnn": {"step_size": 2, "classes": 2},
    "dipole": EVENTS,
    "doctor_ai": EVENTS,
    "forecaster": {"step_size": 2, "static_size": 1},
    "frames": {"step_size": 4, "classes": 2},
    "gru_d": {"step_size": 8, "static_size": 1},
    "leap": EVENTS | {"classes": 3},
    "lstm_deep_supervision": EVENTS,
    "mlp": EVENTS,
    "neuroner": {"vocabulary_size": 5, "characters": 4, "labels": 2},
    "retain": EVENTS,
    "seq2seq_attention": {"vocabulary_size": 5, "tokens": 4},
    "speech_ctc": {"step_size": 2, "tokens": 3},
    "t_lstm": EVENTS,
    "text_classifier": {"vocabulary_size": 5},
    "onset_gru": EVENTS,
    "seizure_bilstm": {"step_size": 2, "classes": 2},
    "values_gru": {"step_size": 8, "static_size": 1},
}


def test_every_recipe_is_a_file_of_at_most_150_lines():
    folder = Path(recipes.__file__).parent
    for name in recipes.names():
        text = (folder / f"{name}.py").read_text()
        assert len(text.splitlines()) <= 150
        classes = [n for n in ast.parse(text).body if isinstance(n, ast.ClassDef)]
        models = [n for n in classes if "nn.Module" in map(ast.unparse, n.bases)]
        assert len(models) == 1
        assert re.search(r"\b(19|20)\d\d\b", ast.get_docstring(ast.parse(text)) or ""), name


@pytest.mark.parametrize("name", recipes.names())
def test_arguments_are_plain_enough_for_json(name: str):
    defaults = {
        key: parameter.default
        for key, parameter in recipes.arguments(name).items()
        if parameter.default is not parameter.empty
    }
    assert json.loads(json.dumps(defaults)) == defaults
    recipes.build(name, **{**defaults, **SIZES[name]})


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("onset_gro", {}, "'onset_gro'.*unknown name.*Did you mean 'onset_gru'"),
        ("xyz", {}, "Known are: .*onset_gru, .*seizure_bilstm"),
        ("onset_gru", {"hiden_size": 3}, "hiden_size.*Did you mean 'hidden_size'"),
        ("onset_gru", {"hidden_size": "many"}, "'hidden_size'.*'many'.*a whole number"),
        ("onset_gru", {"hidden_size": 3.0}, "a whole number"),
        ("onset_gru", {"hidden_size": True}, "a whole number"),
        ("onset_gru", {"hidden_size": 0}, "'hidden_size': got 0, wanted at least 1"),
        ("onset_gru", {"layers": 0}, "'layers'"),
        ("onset_gru", {"dropout": 1.0}, "below 1"),
        ("onset_gru", {"dropout": "half"}, "wanted a number"),
        ("onset_gru", {"pooling": 3}, "wanted text"),
        ("onset_gru", {"pooling": "median"}, "pooling.*median"),
        ("onset_gru", {"cell": "transformer"}, "gru or gru_before or lstm or rnn"),
        ("onset_gru", {"vocabulary_size": None}, "'vocabulary_size'"),
        ("seizure_bilstm", {"input_size": "a"}, "a whole number or null"),
        ("seizure_bilstm", {"input_size": 0}, "'input_size'"),
        ("seizure_bilstm", {"classes": 1}, "'classes'.*at least 2"),
    ],
)
def test_mistakes_say_what_and_where(name: str, values: dict, words: str):
    with pytest.raises(ConfigError, match=words):
        recipes.build(name, **{**SIZES.get(name, {}), **values})


def test_a_missing_argument():
    with pytest.raises(ConfigError, match=r"'static_size' of recipe 'onset_gru'.*nothing"):
        recipes.build("onset_gru", vocabulary_size=3, step_size=1)


def test_whole_numbers_pass_for_a_probability():
    assert recipes.build("onset_gru", **SIZES["onset_gru"], dropout=0)


@pytest.mark.parametrize("name", recipes.names())
def test_labels_are_answered_each_with_a_logit(name: str, samples, make_batch):
    if "multilabel" not in recipes.outcomes(name):
        return
    sizes = {**SIZES[name], "static_size": 3, "classes": 2}
    if "vocabulary_size" in recipes.arguments(name):
        sizes["vocabulary_size"] = 5
    answer = {"answer": "multilabel"} if "answer" in recipes.arguments(name) else {}
    batch = make_batch(samples)
    if sizes["step_size"] > 2:
        wide = batch.steps.data.repeat(1, sizes["step_size"] // 2).abs()
        batch.steps = batch.steps._replace(data=wide)
    model = recipes.build(name, **sizes, **answer).eval()
    assert model(batch).shape == (5, 2)
    if name == "retain":
        codes, visits, rest, _ = model.contributions(batch)
        assert codes.shape[1] == visits.shape[1] == rest.shape[1] == 2
