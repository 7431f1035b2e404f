"""Who is in each set of the learning curve, and what its figures are of."""

from __future__ import annotations

import numpy as np

from sequela.evaluate import About, Part, auroc
from sequela.seeds import generator
from sequela.transfer import TransferSettings
from sequela.transfer.curve import SCRATCH, WARM, Judge, _draws, _enough, dealt, nested


def test_small_sets_lie_within_large_ones_and_keep_the_classes():
    random = generator(0, "people")
    subjects = np.repeat(random.permutation(400), 2)
    strata = (subjects % 10 == 0).astype(int)
    order = nested(subjects, strata, 3, 0)
    assert sorted(order) == list(range(400))
    assert not np.array_equal(order, nested(subjects, strata, 3, 1))
    for size in (20, 50, 100, 300):
        assert abs((order[:size] % 10 == 0).sum() - size / 10) <= 1
        train, tuning = dealt(order[:size], subjects, strata)
        assert not set(subjects[train]) & set(subjects[tuning])
        assert set(subjects[train]) | set(subjects[tuning]) == set(order[:size])
        assert len(train) + len(tuning) == 2 * size
        assert abs(len(tuning) - 2 * size / 5) <= 4
        if size >= 100:
            assert strata[tuning].any()
            assert strata[train].any()


def test_some_tune_however_rare_the_classes():
    subjects, strata = np.arange(200), np.arange(200) % 40
    order = nested(subjects, strata, 0, 0)[:12]
    train, tuning = dealt(order, subjects, strata)
    assert len(tuning) == 2
    assert set(train) | set(tuning) == set(order)


def test_a_size_without_a_case_to_learn_from_is_left_out():
    subjects = np.arange(300)
    strata = (subjects < 3).astype(int)
    drawn = _draws(20, subjects, strata, _settings()), _draws(300, subjects, strata, _settings())
    assert [_enough(one, strata, 2) for one in drawn] == [False, True]
    assert not _enough(_draws(301, subjects, strata, _settings()), strata, 0)
    assert _enough(drawn[0], strata, 0)


def test_figures_are_means_of_the_draws_and_differences_are_paired():
    random = generator(1, "scores")
    labels = (random.random(600) < 0.3).astype(int)
    noise = random.normal(0, 1, (6, 600))
    warm = [1.2 * labels + one for one in noise[:3]]
    scratch = [0.6 * labels + one for one in noise[:3]]
    judge = Judge(About("binary", ("no", "yes")), Part(labels, np.arange(600)), _settings())
    found = judge.size({WARM: warm, SCRATCH: scratch})
    each = [auroc(labels, a) - auroc(labels, b) for a, b in zip(warm, scratch, strict=True)]
    np.testing.assert_allclose(found["each"], each)
    np.testing.assert_allclose(found["difference"]["value"], np.mean(each))
    np.testing.assert_allclose(found[WARM]["value"], np.mean([auroc(labels, a) for a in warm]))
    assert found["difference"]["low"] > 0
    # Paired: the same noise is in both, so the difference is far surer than either figure.
    width = {name: found[name]["high"] - found[name]["low"] for name in (WARM, "difference")}
    assert width["difference"] < width[WARM]


def test_the_interval_knows_that_draws_differ():
    labels = np.tile([0, 1], 2000)
    good, bad = labels + 0.0, np.tile([0.0, 0.0, 1.0, 1.0], 1000)
    judge = Judge(About("binary", ("no", "yes")), Part(labels, np.arange(4000)), _settings())
    found = judge.size({WARM: [good, bad, good, bad], SCRATCH: [bad, good, bad, good]})
    assert found["difference"]["low"] < -0.2
    assert found["difference"]["high"] > 0.2


def test_less_is_better_is_turned():
    random = generator(2, "counts")
    truth = random.poisson(3.0, 300).astype(float)
    close, far = truth * 0.8 + 0.6, np.full(300, 9.0)
    judge = Judge(About("count", (), (), (), ""), Part(truth, np.arange(300)), _settings())
    found = judge.size({WARM: [close], SCRATCH: [far]})
    assert judge.name == "deviance"
    assert found[WARM]["value"] < found[SCRATCH]["value"]
    assert found["difference"]["low"] > 0


def _settings() -> TransferSettings:
    return TransferSettings(data="nowhere", evaluation={"replicates": 300})
