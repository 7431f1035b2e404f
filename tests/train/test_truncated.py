"""Truncated back-propagation in training: one forward pass in pieces, the gradient cut exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.tolerances import EXACT, REFERENCE

from sequela import recipes
from sequela.batches import RaggedSamples
from sequela.errors import ConfigError
from sequela.ops.native import library
from sequela.settings import checked
from sequela.train import TrainingSettings, fit
from sequela.train.each import Losses
from sequela.train.losses import objective
from sequela.train.truncated import piece_losses

LENGTHS = np.array([5, 0, 9, 2, 7, 9])


def samples() -> RaggedSamples:
    random = np.random.default_rng(0)
    count = int(LENGTHS.sum())
    per_step = random.integers(0, 3, count)
    return RaggedSamples.from_flat(
        random.normal(size=(count, 2)),
        np.concatenate([[0], LENGTHS.cumsum()]),
        target=np.arange(len(LENGTHS)) % 2 == 0,
        static=random.normal(size=(len(LENGTHS), 1)),
        codes=random.integers(0, 4, int(per_step.sum())),
        code_offsets=np.concatenate([[0], per_step.cumsum()]),
        vocabulary_size=4,
    )


def made(**options):
    torch.manual_seed(0)
    sizes = {"step_size": 2, "static_size": 1, "vocabulary_size": 4, "hidden_size": 3}
    return recipes.build("lstm_deep_supervision", **sizes, **options).double().eval()


def batch_and_losses(model):
    target = samples().target
    return samples().batch(np.arange(len(LENGTHS))), Losses(model, objective(target, target))


@pytest.mark.parametrize("options", [{}, {"layers": 2, "cell": "gru"}, {"cell": "rnn"}])
@pytest.mark.parametrize("k1", [1, 4, 20])
def test_in_pieces_the_forward_pass_has_the_bits_of_one(options, k1):
    model = made(**options)
    batch, _ = batch_and_losses(model)

    def loss(logits, target):
        return torch.zeros_like(logits)

    with torch.no_grad():
        whole, end = model.step_logits(batch)
        state, other, found = None, None, []
        for start in range(0, 9, k1):
            cut = batch.cut(start, start + k1)
            logits, state = model.step_logits(cut, state)
            span = {"start": start, "begin": start, "lengths": batch.lengths}
            _, other = model.piece(cut, other, loss, **span)
            found.append(logits.data)
    # torch's own products have other bits in another batch.
    near = REFERENCE if library() is None else EXACT
    torch.testing.assert_close(torch.cat(found), whole.data, **near)
    torch.testing.assert_close((state, other), (end, end), **near)


@pytest.mark.parametrize(("k1", "k2"), [(1, None), (4, None), (3, 6), (2, 8), (9, None), (4, 40)])
def test_the_losses_add_up_and_the_gradient_is_cut_where_it_says(k1, k2):
    model = made()
    batch, losses = batch_and_losses(model)
    total = torch.zeros(len(LENGTHS), dtype=torch.float64)
    for part in piece_losses(losses, batch, k1, k2):
        part.sum().backward()
        total += part.detach()
    with torch.no_grad():
        torch.testing.assert_close(total, losses_of(losses, batch))
    wanted = by_hand(model, losses, batch, k1, k2 or k1)
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, **REFERENCE)


def losses_of(losses, batch):
    from sequela.train.each import Opaque

    return losses(Opaque(batch))


def by_hand(model, losses, batch, k1, k2):
    """Each step's own loss, in a graph that begins k2 steps before the end of its piece."""
    parameters = list(model.parameters())
    total = [torch.zeros_like(part) for part in parameters]
    lengths = batch.lengths
    for begin in range(0, 9, k1):
        first = max(0, begin + k1 - k2)
        state = None
        if first:
            with torch.no_grad():
                _, state = model._states(batch.cut(0, first))
        states, _ = model._states(batch.cut(first, begin + k1), state)
        sum_of_losses = torch.zeros((), dtype=torch.float64)
        place = 0
        order = batch.steps.sorted_indices
        for t, count in enumerate(states.batch_sizes.tolist(), start=first):
            for row in order[:count].tolist():
                joined = torch.cat([states.data[place], batch.static[row].double()])
                logit = model.output(joined)
                one = torch.nn.functional.binary_cross_entropy_with_logits(
                    logit, batch.target[row].double()
                )
                share = 0.5 / int(lengths[row]) + 0.5 * (t == int(lengths[row]) - 1)
                sum_of_losses = sum_of_losses + share * one * (t >= begin)
                place += 1
        if begin == 0:
            for row in (lengths == 0).nonzero().flatten().tolist():
                joined = torch.cat([torch.zeros(3).double(), batch.static[row].double()])
                sum_of_losses = (
                    sum_of_losses
                    + torch.nn.functional.binary_cross_entropy_with_logits(
                        model.output(joined), batch.target[row].double()
                    )
                )
        found = torch.autograd.grad(sum_of_losses, parameters, allow_unused=True)
        total = [a if b is None else a + b for a, b in zip(total, found, strict=True)]
    return total


def run(**options):
    torch.manual_seed(0)
    model = recipes.build("lstm_deep_supervision", step_size=2, static_size=1, hidden_size=3)
    settings = TrainingSettings(
        epochs=2,
        batch_size=3,
        optimiser="sgd",
        momentum=0.0,
        clip_norm=None,
        progress=False,
        **options,
    )
    history = fit(model, samples(), samples(), settings)
    return history, model.state_dict()


def test_training_in_pieces_changes_the_weights_more_often():
    whole, one = run()
    again, other = run(k1=20)
    assert whole.epochs[0]["train_loss"] == pytest.approx(again.epochs[0]["train_loss"])
    for name in one:
        torch.testing.assert_close(one[name], other[name])
    first, cut = run(k1=2, k2=4)
    second, same = run(k1=2, k2=4)
    assert first.steps == whole.steps
    assert first.epochs[-1]["tuning_loss"] == second.epochs[-1]["tuning_loss"]
    assert all(torch.equal(cut[name], same[name]) for name in cut)
    assert not all(torch.equal(cut[name], one[name]) for name in cut)


def test_mistakes():
    model = recipes.build("seizure_bilstm", step_size=2, classes=2)
    with pytest.raises(ConfigError, match=r"'k1' of training.*SeizureBiLSTM"):
        fit(model, samples(), samples(), TrainingSettings(k1=3, progress=False))
    with pytest.raises(ConfigError, match=r"'k1' of training.*2 devices"):
        fit(made(), samples(), samples(), TrainingSettings(k1=3, devices=2, progress=False))
    for values in ({"k2": 4}, {"k1": 3, "k2": 4}):
        with pytest.raises(ConfigError, match="multiple of k1"):
            checked(TrainingSettings, values, "training")
