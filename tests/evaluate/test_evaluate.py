"""The whole of evaluation.json: shape, agreement of its parts, subgroups, curves and bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, roc_auc_score

from sequela.errors import ConfigError, DataError, LabelError, LeakageError
from sequela.evaluate import Part, Scores, evaluate_binary, evaluate_multiclass, roc_points
from sequela.evaluate.curves import calibration_points, precision_recall_points
from sequela.evaluate.evaluate import tells
from sequela.evaluate.subgroups import evaluate_subgroups
from sequela.seeds import generator


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _binary(n=900, seed=0):
    random = generator(seed, "evaluate test")
    logit = random.normal(-2, 1.5, 2 * n)
    labels = (random.random(2 * n) < _sigmoid(logit)).astype(int)
    ages, sexes = random.uniform(20, 95, n), random.choice(["F", "M"], n)
    tuning = Part(labels[:n], np.arange(n))
    held_out = Part(labels[n:], np.arange(n, 2 * n), ages, sexes)

    def scores(name, noise, role):
        risk = _sigmoid(logit + random.normal(0, noise, 2 * n))
        return Scores(name, risk[:n], risk[n:], role)

    constant = np.full(n, labels[:n].mean())
    entries = [
        scores("best possible", 0, "best possible"),
        scores("logistic regression", 2, "baseline"),
        Scores("majority", constant, constant, "baseline"),
        scores("GRU", 0.5, "model"),
    ]
    return entries, tuning, held_out


@pytest.fixture(scope="module")
def binary():
    return evaluate_binary(*_binary(), replicates=100)


def test_it_is_json_without_nan(binary):
    assert json.loads(json.dumps(binary, allow_nan=False)) == binary


def test_the_model_leads_and_the_truth_ends_the_table(binary):
    names = [row["name"] for row in binary["table"]]
    assert names == ["GRU", "logistic regression", "majority", "best possible"]
    for row in binary["table"]:
        for measure in ("auroc", "auprc", "brier", "calibration_error"):
            assert row[measure]["low"] <= row[measure]["value"] <= row[measure]["high"]


def test_the_table_and_the_differences_agree(binary):
    areas = {row["name"]: row["auroc"]["value"] for row in binary["table"]}
    for row in binary["differences"]:
        assert row["name"] == f"GRU - {row['other']}"
        if row["metric"] == "auroc":
            assert row["value"] == pytest.approx(areas["GRU"] - areas[row["other"]])
    gap = next(row for row in binary["differences"] if row["other"] == "logistic regression")
    assert gap["low"] > 0


def test_majority_has_no_information(binary):
    row = binary["table"][2]
    assert row["auroc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert row["sensitivity"]["value"] == 0
    assert row["ppv"]["value"] is None
    assert row["calibration_slope"]["value"] is None


def test_accuracy_is_not_shown_where_a_class_is_rare(binary):
    assert tells(binary, "accuracy") == (0.25 <= binary["prevalence"] <= 0.75)
    assert not tells({**binary, "prevalence": 0.1}, "accuracy")
    assert tells({**binary, "prevalence": 0.5}, "accuracy")
    assert not tells(binary, "macro_f1")


def test_the_threshold_comes_from_the_tuning_part(binary):
    entries, tuning, held_out = _binary()
    flipped = Part(1 - held_out.labels, held_out.groups)
    again = evaluate_binary(entries, tuning, flipped, replicates=20)
    assert again["threshold"]["value"] == binary["threshold"]["value"]
    assert again["threshold"]["held_out"] != binary["threshold"]["held_out"]
    held = binary["threshold"]["held_out"]
    positives = held["true_positives"] + held["false_negatives"]
    assert positives == binary["positives"]
    assert held["sensitivity"] == pytest.approx(held["true_positives"] / positives)
    assert [row["chosen"] for row in binary["thresholds"]].count(True) == 1
    flagged = [row["flagged_per_1000"] for row in binary["thresholds"]]
    assert flagged == sorted(flagged, reverse=True)


def test_an_unreachable_target_is_a_note_not_a_crash():
    answer = evaluate_binary(*_binary(), replicates=20, rule="specificity", target=0.9)
    assert answer["table"][0]["specificity"]["value"] == pytest.approx(0.9, abs=0.05)
    majority = next(row for row in answer["table"] if row["name"] == "majority")
    assert majority["threshold"] is None
    assert any(note.startswith("majority: threshold for specificity") for note in answer["notes"])


def test_it_is_deterministic_and_blind_to_row_order(binary):
    entries, tuning, held_out = _binary()
    order = generator(0, "rows").permutation(len(held_out.labels))
    moved = [Scores(e.name, e.tuning, e.held_out[order], e.role) for e in entries]
    part = Part(*(x[order] for x in (held_out.labels, held_out.groups, held_out.ages)))
    again = evaluate_binary(moved, tuning, part, replicates=100)
    for one, other in zip(binary["table"], again["table"], strict=True):
        for bound in ("value", "low", "high"):
            assert one["auroc"][bound] == pytest.approx(other["auroc"][bound], abs=1e-12)


def test_subgroups(binary):
    names = [row["name"] for row in binary["subgroups"]]
    assert names[-2:] == ["sex female", "sex male"]
    assert "age 85 and over" in names
    ages = [row for row in binary["subgroups"] if row["name"].startswith("age")]
    assert sum(row["n"] for row in ages) == binary["n"]


def _cells(ages, labels, groups=None, scores=None):
    labels = np.asarray(labels)
    groups = np.arange(len(labels)) if groups is None else groups
    scores = np.linspace(0, 1, len(labels)) if scores is None else scores
    rows = evaluate_subgroups(Part(labels, groups, np.asarray(ages)), scores, 20, 0, 0.95)
    return {row["name"]: row for row in rows}


def test_few_people_are_not_counted():
    ages = np.r_[np.full(11, 90.0), np.full(12, np.nan), np.full(27, 70.0), np.full(60, 50.0)]
    labels = np.r_[np.zeros(23), np.ones(27), np.zeros(55), np.ones(5)].astype(int)
    cells = _cells(ages, labels)
    old = cells["age 85 and over"]
    assert (old["n"], old["positives"], old["auroc"]) == ("fewer than 20", None, None)
    assert cells["age unknown"]["n"] == "fewer than 20"
    assert cells["age 45-54"]["positives"] == "fewer than 10"
    assert cells["age 65-74"]["positives"] == "more than 17"
    assert cells["age 65-74"]["auroc"] is None


def test_many_rows_of_few_people_are_few():
    # Thirty rows of one patient, 9 positive patients with 40 rows, 9 negative ones with 40 rows;
    # 19 people of another band, so that no third one must hide the one.
    ages = np.r_[
        np.full(30, 93.4),
        np.full(70, 50.0),
        np.full(70, 60.0),
        np.full(100, 70.0),
        np.full(19, 20.0),
    ]
    labels = np.r_[
        np.tile([0, 1], 15),
        np.ones(40),
        np.zeros(30),
        np.zeros(40),
        np.ones(30),
        np.tile([0, 1], 50),
        np.ones(19),
    ].astype(int)
    nine = np.arange(40) % 9
    groups = np.r_[np.full(30, 7777), nine, 100 + np.arange(30), 200 + nine, 300 + np.arange(149)]
    cells = _cells(ages, labels, groups)
    for name, n in (("85 and over", None), ("45-54", 70), ("55-64", 70)):
        cell = cells[f"age {name}"]
        assert (cell["n"], cell["positives"], cell["auroc"]) == (n, None, None), name
        assert "fewer than" in cell["note"]
    assert cells["age 65-74"]["auroc"] is not None


def test_a_hidden_count_is_not_the_total_less_the_others():
    # 5 + 40 + 60 + 100 people: the smallest that is shown hides with the one that is too small.
    ages = np.repeat([90.0, 50.0, 60.0, 70.0], [5, 40, 60, 100])
    labels = np.arange(205) % 2
    cells = _cells(ages, labels)
    assert [cell["n"] for cell in cells.values()] == [None, 60, 100, "fewer than 20"]
    assert cells["age 45-54"]["positives"] is None
    assert cells["age 45-54"]["auroc"] is None
    assert "subtraction" in cells["age 45-54"]["note"]
    assert cells["age 55-64"]["auroc"] is not None


def test_hidden_cells_are_together_no_small_group():
    # The totals tell that 6 are in two bands: a third band must hide them.
    ages = np.repeat([90.0, np.nan, 50.0, 60.0], [3, 3, 40, 60])
    cells = _cells(ages, np.arange(106) % 2)
    assert [name for name, cell in cells.items() if cell["auroc"]] == ["age 55-64"]
    assert cells["age 45-54"]["n"] is None


def test_hidden_positives_are_not_the_total_less_the_others():
    ages = np.repeat([40.0, 50.0, 60.0], [60, 60, 60])
    labels = np.r_[np.arange(60) < 4, np.arange(60) < 20, np.arange(60) < 30].astype(int)
    cells = _cells(ages, labels)
    assert [cell["n"] for cell in cells.values()] == [60, 60, 60]
    assert [cell["positives"] for cell in cells.values()] == ["fewer than 10", None, 30]
    assert [cell["auroc"] is None for cell in cells.values()] == [True, True, False]


@given(
    cells=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_subtraction_finds_no_small_group(cells):
    sizes = [(positive, negative) for positive, negative in cells if positive + negative]
    ages = np.repeat([20.0, 50.0, 60.0, 70.0, 80.0, 90.0][: len(sizes)], [sum(s) for s in sizes])
    labels = np.concatenate([np.repeat([1, 0], size) for size in sizes] or [np.zeros(0)])
    shown = list(_cells(ages, labels.astype(int)).values())
    if len(shown) < 2:
        return
    counts = [row["n"] for row in shown if isinstance(row["n"], int)]
    positives = [row for row in shown if isinstance(row["positives"], int)]
    left = len(labels) - sum(counts)
    # Where nothing is shown there is nothing to subtract.
    assert left == 0 or left >= 20 or not counts
    assert len(shown) - len(counts) != 1
    assert len(shown) - len(positives) != 1
    left_positives = labels.sum() - sum(row["positives"] for row in positives)
    if positives and len(positives) < len(shown):
        left_rows = len(labels) - sum(row["n"] for row in positives)
        assert 10 <= left_positives <= left_rows - 10


def test_a_column_of_many_values_is_not_a_sex():
    labels = np.tile([0, 1], 50)
    sexes = np.array([f"text {k}" for k in range(100)])
    rows = evaluate_subgroups(Part(labels, np.arange(100), None, sexes), labels * 0.5, 20, 0, 0.95)
    assert [row["name"] for row in rows] == ["sex unknown"]


def test_curves_are_short_and_keep_their_area():
    random = generator(0, "curves")
    labels = random.integers(0, 2, 5000)
    scores = _sigmoid(labels + random.normal(size=5000))
    points = roc_points(labels, scores)
    assert len(points["x"]) <= 200
    assert auc(points["x"], points["y"]) == pytest.approx(roc_auc_score(labels, scores), abs=0.003)
    assert (points["x"][0], points["y"][0], points["x"][-1], points["y"][-1]) == (0, 0, 1, 1)
    curve = precision_recall_points(labels, scores)
    assert len(curve["x"]) <= 200
    assert curve["x"][-1] == 1
    assert curve["y"][-1] == pytest.approx(labels.mean(), abs=1e-5)


def test_calibration_intervals_count_groups_not_rows():
    random = generator(0, "bins")
    scores = random.random(1000)
    labels = (random.random(1000) < scores).astype(int)
    single = calibration_points(labels, scores, np.arange(1000))
    grouped = calibration_points(labels, scores, np.arange(1000) // 10 % 10)
    assert single["n"] == [100] * 10
    widths = [np.subtract(points["high"], points["low"]) for points in (single, grouped)]
    assert (widths[1] > 2 * widths[0]).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": [0, 2]}, LabelError, "other values in row 1"),
        ({"labels": [0, 1, np.nan]}, LabelError, "other values"),
        ({"labels": ["yes"]}, LabelError, "of type"),
        ({"labels": []}, LabelError, "no rows"),
        ({"labels": "zeros"}, LabelError, "one class only"),
        ({"labels": "short"}, DataError, "shape"),
        ({"groups": "short"}, DataError, "groups of the held-out part"),
        ({"ages": "short"}, DataError, "ages of the held-out part"),
        ({"groups": "tuning"}, LeakageError, "900 groups in both"),
        ({"score": "nan"}, DataError, "NaN or infinite in row 5"),
        ({"score": "logits"}, DataError, "probabilities, not logits"),
        ({"score": "text"}, DataError, "of type"),
        ({"score": "short"}, DataError, "shape"),
    ],
)
def test_bad_input_is_named(change, error, message):
    entries, tuning, part = _binary()
    fields = {"labels": part.labels, "groups": part.groups, "ages": part.ages}
    for name, value in change.items():
        if name == "score":
            scores = entries[3].held_out.copy()
            bad = {
                "nan": np.where(np.arange(900) == 5, np.nan, scores),
                "logits": np.log(scores),
                "text": scores.astype(str),
                "short": scores[:-1],
            }[value]
            entries[3] = Scores("GRU", entries[3].tuning, bad)
            continue
        old = fields[name]
        named = {"zeros": old * 0, "short": old[:-1], "tuning": tuning.groups}
        fields[name] = named[value] if isinstance(value, str) else np.array(value)
    with pytest.raises(error, match=message) as caught:
        evaluate_binary(entries, tuning, Part(**fields), replicates=5)
    assert "\n" not in str(caught.value)


def test_names_and_roles_are_checked():
    entries, tuning, held_out = _binary()
    with pytest.raises(ConfigError, match="twice"):
        evaluate_binary([*entries, entries[0]], tuning, held_out)
    with pytest.raises(ConfigError, match="no model"):
        evaluate_binary(entries[:1], tuning, held_out)
    odd = Scores("odd", entries[0].tuning, entries[0].held_out, "rival")
    with pytest.raises(ConfigError, match="role of 'odd'"):
        evaluate_binary([*entries, odd], tuning, held_out)


CLASSES = ("seizure", "tumour", "healthy area", "eyes closed", "eyes open")


def _multiclass(seed=0):
    random = generator(seed, "multiclass test")
    labels = random.integers(0, 5, 1200)
    groups = np.arange(1200) // 12

    def scores(name, skill, role):
        logits = skill * np.eye(5)[labels] + random.normal(size=(1200, 5))
        risk = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return Scores(name, risk[:600], risk[600:], role)

    entries = [scores("LSTM", 3, "model"), scores("gradient boosting", 2, "baseline")]
    return entries, Part(labels[:600], groups[:600]), Part(labels[600:], groups[600:])


def test_multiclass_is_json_and_its_parts_agree():
    answer = evaluate_multiclass(*_multiclass(), CLASSES, group_name="recordings", replicates=50)
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    confusion = np.array(answer["confusion"]["LSTM"])
    assert confusion.sum() == answer["n"] == 600
    assert np.trace(confusion) / 600 == pytest.approx(answer["table"][0]["accuracy"]["value"])
    mean = np.mean([row["f1"] for row in answer["per_class"]])
    assert answer["table"][0]["macro_f1"]["value"] == pytest.approx(mean)
    assert [row["class"] for row in answer["per_class"]] == list(CLASSES)
    assert answer["groups"] == 50
    assert "50 held-out recordings" in answer["notes"][0]
    assert all(row["low"] > 0 for row in answer["differences"])


def test_a_missing_class_is_a_note():
    entries, tuning, held_out = _multiclass()
    keep = held_out.labels != 3
    entries = [Scores(e.name, e.tuning, e.held_out[keep], e.role) for e in entries]
    part = Part(held_out.labels[keep], held_out.groups[keep])
    answer = evaluate_multiclass(entries, tuning, part, CLASSES, replicates=20)
    assert answer["notes"][0].endswith("eyes closed.")
    assert answer["per_class"][3]["recall"] is None


def test_multiclass_bad_input():
    entries, tuning, held_out = _multiclass()
    with pytest.raises(ConfigError, match="three or more"):
        evaluate_multiclass(entries, tuning, held_out, CLASSES[:2])
    with pytest.raises(LabelError, match="a name twice"):
        evaluate_multiclass(entries, tuning, held_out, ["a"] * 5)
    with pytest.raises(LabelError, match="from 0 to 3"):
        evaluate_multiclass(entries, tuning, held_out, CLASSES[:4])
    halved = [Scores("LSTM", entries[0].tuning, entries[0].held_out / 2)]
    with pytest.raises(DataError, match="sum is not 1 in 600 rows"):
        evaluate_multiclass(halved, tuning, held_out, CLASSES)


def test_few_recordings_are_said():
    entries, tuning, held_out = _multiclass()
    part = Part(held_out.labels, held_out.groups // 10)
    tuned = Part(tuning.labels, -1 - tuning.groups)
    answer = evaluate_multiclass(entries, tuned, part, CLASSES, replicates=20)
    assert any(note.startswith("Only ") for note in answer["notes"])
