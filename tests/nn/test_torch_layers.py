"""torch's layers become ours inside models, in place, and go back."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings

import pytest
import torch
from tests.tolerances import EXACT, REFERENCE
from torch import nn
from torch.nn.utils import parametrize, prune

import sequela
from sequela.errors import ConfigError
from sequela.nn import GRU, LSTM, RNN, GRUCell, accelerate, from_torch, to_torch

D, H, B, T = 3, 4, 2, 5

LAYERS = {
    "RNN": {},
    "RNN relu": {"nonlinearity": "relu", "num_layers": 2, "bias": False},
    "LSTM": {"num_layers": 2, "bidirectional": True, "batch_first": True, "dropout": 0.5},
    "LSTM projected": {"proj_size": 2, "bidirectional": True},
    "GRU": {"num_layers": 3, "dropout": 0.2},
    "RNNCell": {},
    "RNNCell relu": {"nonlinearity": "relu"},
    "LSTMCell": {"bias": False},
    "GRUCell": {},
}


def make(name: str) -> nn.Module:
    torch.manual_seed(3)
    return getattr(nn, name.split()[0])(D, H, dtype=torch.float64, **LAYERS[name])


def given(name: str) -> torch.Tensor:
    torch.manual_seed(4)
    shape = (B, D) if "Cell" in name else (T, B, D)
    return torch.randn(shape, dtype=torch.float64)


def run(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    torch.manual_seed(5)
    result, flat = [layer(x)], []
    while result:
        part = result.pop(0)
        result, flat = (
            (result, [*flat, part]) if torch.is_tensor(part) else ([*part, *result], flat)
        )
    return flat


class Model(nn.Module):
    """Layers at several depths, one of them used twice, one also in a plain list."""

    def __init__(self):
        super().__init__()
        self.first = nn.LSTM(D, H)
        self.blocks = nn.ModuleList([nn.ModuleDict({"inner": nn.GRU(H, H)}) for _ in range(2)])
        self.again = self.blocks[0]["inner"]
        self.cell = nn.GRUCell(H, H)
        self.head = nn.Linear(H, 1)
        self.hidden_away = [self.first]

    def forward(self, x):
        x = self.hidden_away[0](x)[0]
        for block in self.blocks:
            x = block["inner"](x)[0]
        x = self.again(x)[0]
        return self.head(self.cell(x[-1]))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_there_and_back(name: str, training: bool):
    layer, x = make(name).train(training), given(name)
    # Two layers draw dropout differently from torch's stack; without it they must agree.
    if hasattr(layer, "dropout"):
        layer.dropout = 0.0
    wanted, keys = run(layer, x), list(layer.state_dict())
    parameters = list(layer.parameters())
    assert accelerate(layer) is layer
    assert type(layer).__module__.startswith("sequela.nn")
    assert layer.training is training
    assert list(layer.state_dict()) == keys
    assert all(a is b for a, b in zip(layer.parameters(), parameters, strict=True))
    torch.testing.assert_close(run(layer, x), wanted, **REFERENCE)
    assert to_torch(layer) is layer
    assert type(layer) is getattr(nn, name.split()[0])
    assert all(a is b for a, b in zip(layer.parameters(), parameters, strict=True))
    torch.testing.assert_close(run(layer, x), wanted, **EXACT)
    torch.testing.assert_close(run(copy.deepcopy(layer), x), wanted, **EXACT)


@pytest.mark.parametrize("name", LAYERS)
def test_attributes_are_those_of_a_layer_made_by_hand(name: str):
    ours = accelerate(make(name))
    by_hand = getattr(sequela.nn, name.split()[0])(D, H, dtype=torch.float64, **LAYERS[name])
    assert vars(ours).keys() == vars(by_hand).keys()
    assert repr(ours) == repr(by_hand)
    back = to_torch(ours)
    assert vars(back).keys() == vars(make(name)).keys()
    assert repr(back) == repr(make(name))


def test_every_depth_shared_layers_and_plain_references():
    torch.manual_seed(0)
    model, x = Model(), torch.randn(T, B, D)
    wanted = model(x)
    assert sequela.accelerate(model) is model
    assert type(model.first) is LSTM
    assert model.first is model.hidden_away[0]
    assert model.again is model.blocks[0]["inner"]
    assert type(model.again) is GRU
    assert type(model.blocks[1]["inner"]) is GRU
    assert type(model.cell) is GRUCell
    assert type(model.head) is nn.Linear
    torch.testing.assert_close(model(x), wanted, rtol=1e-5, atol=1e-6)
    accelerate(model)
    to_torch(model)
    assert type(model.again) is nn.GRU
    torch.testing.assert_close(model(x), wanted, **EXACT)


def test_an_optimizer_goes_on_as_if_nothing_had_happened():
    torch.manual_seed(0)
    x, results = torch.randn(T, B, D, dtype=torch.float64), []
    start = Model().double()
    for swap in (False, True):
        model = copy.deepcopy(start)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for step in range(4):
            if swap and step == 2:
                accelerate(model)
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
        results.append(model.state_dict())
    # Adam divides by the gradient's own size, which enlarges the last bits.
    torch.testing.assert_close(results[1], results[0], rtol=1e-8, atol=1e-8)


def test_requires_grad_gradients_hooks_and_own_attributes_stay():
    layer = nn.LSTM(D, H)
    layer.weight_hh_l0.requires_grad_(False)
    layer(torch.randn(T, B, D))[0].sum().backward()
    gradient, seen = layer.weight_ih_l0.grad, []
    layer.register_forward_hook(lambda *_: seen.append("after"))
    layer.register_forward_pre_hook(lambda *_: seen.append("before"))
    layer.register_full_backward_hook(lambda *_: seen.append("back"))
    layer.register_buffer("mean", torch.ones(D))
    layer.note = "mine"
    layer.extra = nn.Linear(1, 1)
    accelerate(layer.half().float())
    assert layer.weight_ih_l0.grad is gradient
    assert layer.weight_hh_l0.requires_grad is False
    assert layer.note == "mine"
    assert "mean" in layer.state_dict()
    assert "extra.weight" in layer.state_dict()
    layer(torch.randn(T, B, D).requires_grad_())[0].sum().backward()
    assert seen == ["before", "after", "back"]


def test_tied_parameters_stay_tied():
    model = nn.ModuleList([nn.GRU(D, H), nn.GRU(D, H)])
    model[1].weight_hh_l0 = model[0].weight_hh_l0
    accelerate(model)
    assert model[1].weight_hh_l0 is model[0].weight_hh_l0
    assert len(list(model.parameters())) == 7


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_weights_made_by_hooks_are_followed(kind: type[nn.Module]):
    layer, x = kind(D, H, dtype=torch.float64), given("LSTM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated, and still in many models
        nn.utils.weight_norm(layer, "weight_hh_l0")
    prune.random_unstructured(layer, "weight_ih_l0", 0.5)
    accelerate(layer)
    with torch.no_grad():
        layer.weight_hh_l0_g.mul_(2.0)
        layer.weight_ih_l0_orig.mul_(3.0)
    ours = run(layer, x)
    torch.testing.assert_close(run(to_torch(layer), x), ours, **REFERENCE)
    layer.zero_grad()
    run(accelerate(layer), x)[0].sum().backward()
    assert layer.weight_hh_l0_g.grad.abs().sum() > 0


class Half(nn.Module):
    """A parametrization: half of the weight."""

    def forward(self, weight):
        return weight / 2


class Own(nn.LSTM):
    """A subclass, whose forward could be anything."""


def test_what_is_left_is_said():
    model = nn.ModuleDict(
        {
            "own": Own(D, H),
            "par": nn.GRU(D, H),
            "new": nn.GRU(D, H),
            "base": nn.RNNCellBase(D, H, True, 1),
        }
    )
    parametrize.register_parametrization(model["par"], "weight_hh_l0", Half())
    model["new"].forward = lambda x: x
    with pytest.warns(UserWarning, match="left as they are") as caught:
        accelerate(model)
    text = str(caught[0].message)
    assert "own: Own is a class of its own" in text
    assert "par: it is parametrized" in text
    assert "new: its forward was replaced" in text
    assert "base: RNNCellBase" in text
    assert type(model["own"]) is Own
    assert type(model["new"]) is nn.GRU
    assert caught[0].filename == __file__


class Alone(nn.Module):
    """One recurrent layer inside a model."""

    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(D, H)

    def forward(self, x):
        return self.layer(x)[0]


def test_scripted_layers_are_left_and_those_of_a_traced_graph_are_not():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(Alone())
    with pytest.warns(UserWarning, match="layer: it is scripted"):
        accelerate(scripted)
    graph, x = torch.fx.symbolic_trace(Alone()), torch.randn(T, B, D)
    wanted = graph(x)
    accelerate(graph)
    assert type(graph.layer) is LSTM
    torch.testing.assert_close(graph(x), wanted, rtol=1e-5, atol=1e-6)


def test_a_turned_model_is_saved_and_loaded_as_a_whole(tmp_path):
    model, x = accelerate(Alone()), torch.randn(T, B, D)
    torch.save(model, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=False)
    torch.testing.assert_close(loaded(x), model(x), **EXACT)


def test_a_parametrized_layer_of_ours_computes_with_it_and_stays():
    layer, x = accelerate(nn.GRU(D, H)), torch.randn(T, B, D)
    halved = copy.deepcopy(layer)
    with torch.no_grad():
        halved.weight_hh_l0.div_(2)
    parametrize.register_parametrization(layer, "weight_hh_l0", Half())
    torch.testing.assert_close(layer(x), halved(x))
    with pytest.warns(UserWarning, match="the model itself: it is parametrized"):
        to_torch(layer)


def test_a_model_without_recurrence_is_no_fault_and_no_module_is():
    model = nn.Linear(2, 2)
    assert accelerate(model) is model
    for verb in (accelerate, to_torch):
        with pytest.raises(ConfigError, match=r"wanted a torch\.nn\.Module"):
            verb([nn.LSTM(D, H)])


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (GRU(D, H, reset_after=False), "reset_after=False"),
        (GRUCell(D, H, reset_after=False), "reset_after=False"),
        (RNN(D, H, nonlinearity="sigmoid"), "nonlinearity='sigmoid'"),
        (sequela.nn.RNNCell(D, H, nonlinearity="sigmoid"), "nonlinearity='sigmoid'"),
        (LSTM(D, H, peephole=True, layer_norm=True), "layer_norm=True, peephole=True"),
        (LSTM(D, H, bidirectional=True, merge="sum"), "merge='sum'"),
        (LSTM(D, H, bidirectional=True, merge=None), "merge=None"),
        (LSTM(D, H, zoneout=(0.0, 0.1)), r"zoneout=\(0.0, 0.1\)"),
        (GRU(D, H, recurrent_dropout=0.1), "recurrent_dropout=0.1"),
        (GRU(D, H, go_backwards=True), "go_backwards=True"),
        (GRU(D, H, return_sequences=False), "return_sequences=False"),
        (GRU(D, H, return_all_states=True), "return_all_states=True"),
    ],
)
def test_options_that_torch_lacks_are_refused_and_nothing_is_changed(layer, said: str):
    model = nn.ModuleDict({"plain": LSTM(D, H), "special": layer})
    with pytest.raises(ConfigError, match=f"to_torch: special.*{said}"):
        to_torch(model)
    assert type(model["plain"]) is LSTM


def test_options_without_effect_are_no_obstacle():
    layer = to_torch(GRU(D, H, merge="sum", masked_output="zero", initialisation="orthogonal"))
    assert type(layer) is nn.GRU


@pytest.mark.parametrize("name", LAYERS)
def test_from_torch_copies(name: str):
    layer, x = make(name).eval(), given(name)
    ours = from_torch(layer)
    assert type(layer) is getattr(nn, name.split()[0])
    assert not ours.training
    torch.testing.assert_close(run(ours, x), run(layer, x), **REFERENCE)
    assert not {p.data_ptr() for p in ours.parameters()} & {
        p.data_ptr() for p in layer.parameters()
    }


@pytest.mark.parametrize("wrong", [nn.Linear(1, 1), Own(D, H), LSTM(D, H)])
def test_from_torch_wants_one_of_torch_s_layers(wrong: nn.Module):
    with pytest.raises(ConfigError, match="from_torch"):
        from_torch(wrong)


def test_the_top_level_name_costs_nothing_until_it_is_used():
    code = (
        "import sys, sequela; assert 'torch' not in sys.modules\n"
        "sequela.accelerate; assert 'torch' in sys.modules\n"
        "try: sequela.nothing\n"
        "except AttributeError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "has no attribute 'nothing'" in done.stdout
