from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sequela.errors import BundleError
from sequela.train import TrainingSettings
from sequela.train.optimise import clip, learning_rate, load_state, make_optimiser, state_tensors


def rates(steps_per_epoch: int = 10, **changes) -> list[float]:
    settings = TrainingSettings(epochs=4, learning_rate=0.5, **changes)
    return [learning_rate(step, steps_per_epoch, settings) for step in range(4 * steps_per_epoch)]


def test_schedules():
    assert set(rates(schedule="constant")) == {0.5}
    cosine = rates(schedule="cosine")
    assert cosine[0] == 0.5
    assert cosine[20] == pytest.approx(0.25)
    assert cosine == sorted(cosine, reverse=True)
    warm = rates(schedule="warmup_cosine", warmup_fraction=0.25)
    assert warm[:10] == pytest.approx([0.05 * (step + 1) for step in range(10)])
    assert warm[10:] == sorted(warm[10:], reverse=True)
    assert 0 < warm[-1] < 0.01
    falls = rates(schedule="step", step_epochs=2, step_factor=0.1)
    assert falls == pytest.approx([0.5] * 20 + [0.05] * 20)


@given(
    st.sampled_from(["constant", "cosine", "warmup_cosine", "step"]),
    st.integers(1, 50),
    st.integers(1, 20),
    st.floats(0, 1),
)
def test_a_rate_is_never_negative_nor_above_the_setting(schedule, steps, epochs, warmup):
    settings = TrainingSettings(
        epochs=epochs, schedule=schedule, warmup_fraction=warmup, learning_rate=0.3
    )
    for step in range(steps * epochs + 2):
        assert 0 <= learning_rate(step, steps, settings) <= 0.3 * (1 + 1e-12)


def parameter(gradient: list[float]) -> torch.nn.Parameter:
    result = torch.nn.Parameter(torch.zeros(len(gradient)))
    result.grad = torch.tensor(gradient)
    return result


def test_clipping_by_norm_by_value_and_both():
    for changes, wanted in [
        ({"clip_norm": None}, [3.0, -4.0]),
        ({"clip_norm": 1.0}, [0.6, -0.8]),
        ({"clip_norm": None, "clip_value": 3.5}, [3.0, -3.5]),
        ({"clip_norm": 2.0, "clip_value": 1.0}, [1.0, -1.0]),
        ({"clip_norm": 1.0, "clip_value": 1.0}, [1 / math.sqrt(2), -1 / math.sqrt(2)]),
        ({"clip_norm": 9.0}, [3.0, -4.0]),
    ]:
        given_ = parameter([3.0, -4.0])
        assert clip([given_], TrainingSettings(**changes)) == pytest.approx(5.0)
        assert given_.grad.tolist() == pytest.approx(wanted, rel=1e-5)
    assert clip([torch.nn.Parameter(torch.zeros(2))], TrainingSettings()) == 0.0


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_the_state_goes_through_tensors(optimiser):
    settings = TrainingSettings(optimiser=optimiser)

    def model() -> torch.nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return torch.nn.Linear(3, 2)

    def step(network, stepper):
        stepper.zero_grad()
        network(torch.ones(1, 3)).square().sum().backward()
        stepper.step()

    first, second = model(), model()
    one, two = make_optimiser(first, settings), make_optimiser(second, settings)
    step(first, one)
    second.load_state_dict(first.state_dict())
    load_state(two, {name: tensor.clone() for name, tensor in state_tensors(one).items()})
    step(first, one)
    step(second, two)
    assert torch.equal(first.weight, second.weight)


def test_the_state_of_other_weights_is_refused():
    optimiser = make_optimiser(torch.nn.Linear(3, 2), TrainingSettings())
    for name, shape in [("9.exp_avg", (2, 3)), ("0.exp_avg", (2, 4)), ("x.exp_avg", (2, 3))]:
        with pytest.raises(BundleError, match="other weights"):
            load_state(optimiser, {name: torch.zeros(shape)})


def test_weights_that_are_not_trained_are_left_out():
    model = torch.nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    assert len(make_optimiser(model, TrainingSettings()).param_groups[0]["params"]) == 1
