"""Several classes against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from sequela.evaluate import MulticlassMetrics, confusion_matrix, per_class
from sequela.seeds import generator


def _example(seed: int, classes: int = 4, n: int = 200):
    random = generator(seed, "classes test")
    labels = np.r_[np.arange(classes), random.integers(0, classes, n - classes)]
    scores = random.dirichlet(np.ones(classes), n) + 0.3 * np.eye(classes)[labels]
    return labels, scores / scores.sum(axis=1, keepdims=True)


@given(st.integers(0, 10_000), st.integers(3, 6))
def test_measures_are_scikit_learns(seed, classes):
    labels, scores = _example(seed, classes)
    predicted = scores.argmax(axis=1)
    found = MulticlassMetrics(labels, scores)(np.ones((1, len(labels))))
    assert found["accuracy"][0] == pytest.approx(reference.accuracy_score(labels, predicted))
    assert found["macro_f1"][0] == pytest.approx(
        reference.f1_score(labels, predicted, average="macro", zero_division=0)
    )
    assert found["macro_auroc"][0] == pytest.approx(
        reference.roc_auc_score(labels, scores, multi_class="ovr", average="macro")
    )
    rows = per_class(labels, scores)
    expected = reference.precision_recall_fscore_support(labels, predicted, zero_division=np.nan)
    for name, values in zip(("precision", "recall", "f1", "n"), expected, strict=True):
        np.testing.assert_allclose([row[name] for row in rows], values, err_msg=name)
    np.testing.assert_array_equal(
        confusion_matrix(labels, predicted, classes), reference.confusion_matrix(labels, predicted)
    )


@given(st.integers(0, 10_000))
def test_a_weight_is_a_repetition(seed):
    labels, scores = _example(seed)
    weights = generator(seed, "weights").integers(0, 3, len(labels))
    weights[:4] = 1
    rows = np.repeat(np.arange(len(labels)), weights)
    weighted = MulticlassMetrics(labels, scores)(weights[None].astype(float))
    repeated = MulticlassMetrics(labels[rows], scores[rows])(np.ones((1, len(rows))))
    for name in weighted:
        np.testing.assert_allclose(weighted[name], repeated[name])


def test_by_hand():
    labels = np.array([0, 0, 1, 2])
    scores = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    assert confusion_matrix(labels, scores.argmax(axis=1), 3).tolist() == [
        [1, 1, 0],
        [0, 1, 0],
        [1, 0, 0],
    ]
    found = MulticlassMetrics(labels, scores)(np.ones((1, 4)))
    assert found["accuracy"][0] == 0.5
    assert found["macro_f1"][0] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    rows = per_class(labels, scores)
    assert np.isnan(rows[2]["precision"])
    assert rows[2]["f1"] == 0


def test_a_class_that_never_occurs_is_in_no_mean():
    labels = np.array([0, 0, 1, 1])
    scores = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    found = MulticlassMetrics(labels, scores)(np.ones((1, 4)))
    assert {name: value[0] for name, value in found.items()} == {
        "accuracy": 1,
        "macro_f1": 1,
        "macro_auroc": 1,
    }
    assert np.isnan(per_class(labels, scores)[2]["auroc"])


def test_a_resample_without_a_class_is_undefined():
    labels, scores = _example(1, 3, 30)
    weights = (labels != 2).astype(float)[None]
    found = MulticlassMetrics(labels, scores)(weights)
    assert np.isnan(found["macro_f1"][0])
    assert np.isnan(found["macro_auroc"][0])
    assert np.isfinite(found["accuracy"][0])
