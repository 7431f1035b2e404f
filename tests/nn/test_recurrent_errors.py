"""Bad input: torch's type, torch's phrase first, and never a crash."""

from __future__ import annotations

import pytest
import torch
from tests.releases import NEWEST, TORCH
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import sequela.nn
from sequela.errors import ConfigError
from sequela.ops import force

B, T, D, H = 4, 5, 3, 4
KINDS = ["RNN", "LSTM", "GRU"]
PACKED = PackedSequence(torch.zeros(3, D), torch.tensor([2, 1]))
# What an older torch takes without a word, or words otherwise; ours says it on every torch.
YOUNG = {
    "bias": "bias should be of type bool",
    "batch_first": "batch_first should be of type bool",
    "input_size": "input_size ",
    "input type": "RNN input dtype",
    "whole numbers": "RNN input dtype",
}


def raised(call):
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def both(call, case=""):
    """The errors of torch and of ours; ours must be of the same type and begin with its phrase."""
    ours = raised(lambda: call(sequela.nn))
    if case in YOUNG and TORCH < NEWEST:
        assert isinstance(ours, (TypeError, ValueError))
        assert str(ours).startswith(YOUNG[case])
        return
    theirs = raised(lambda: call(nn))
    assert type(ours) is type(theirs)
    assert str(ours).startswith(str(theirs)), (str(theirs), str(ours))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 1.5, "num_layers": 2},
        {"dropout": True},
        {"dropout": "0.5"},
        {"bias": 1},
        {"batch_first": "no"},
        {"input_size": 2.0},
        {"input_size": 0},
        {"hidden_size": "4"},
        {"hidden_size": -1},
        {"num_layers": 0},
        {"proj_size": 9},
        {"proj_size": -1},
    ],
)
def test_constructors(kind, options):
    if "proj_size" in options and kind != "LSTM":
        options = {"proj_size": 0}
    both(
        lambda module: getattr(module, kind)(**{"input_size": D, "hidden_size": H, **options}),
        next(iter(options)),
    )


def test_nonlinearity_and_the_dropout_warning():
    both(lambda module: module.RNN(D, H, nonlinearity="softsign"))
    for module in (nn, sequela.nn):
        with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
            module.GRU(D, H, dropout=0.5)
    with pytest.raises(TypeError, match="unexpected keyword argument 'return_sequence'"):
        sequela.nn.GRU(D, H, return_sequence=False)


def hidden(kind, *shape, dtype=torch.float32):
    part = torch.zeros(*shape, dtype=dtype)
    return (part, part) if kind == "LSTM" else part


FORWARD = {
    "1-D input": lambda kind: (torch.zeros(D),),
    "4-D input": lambda kind: (torch.zeros(1, T, B, D),),
    "input size": lambda kind: (torch.zeros(T, B, D + 1),),
    "input type": lambda kind: (torch.zeros(T, B, D, dtype=torch.float64),),
    "whole numbers": lambda kind: (torch.zeros(T, B, D, dtype=torch.int64),),
    "no step": lambda kind: (torch.zeros(0, B, D),),
    "another device": lambda kind: (torch.zeros(T, B, D, device="meta"),),
    "2-D state": lambda kind: (torch.zeros(T, B, D), hidden(kind, 1, H)),
    "3-D state": lambda kind: (torch.zeros(T, D), hidden(kind, 1, B, H)),
    "batch of the state": lambda kind: (torch.zeros(T, B, D), hidden(kind, 1, B + 1, H)),
    "layers of the state": lambda kind: (torch.zeros(T, B, D), hidden(kind, 2, B, H)),
    "width of the state": lambda kind: (torch.zeros(T, B, D), hidden(kind, 1, B, H + 1)),
    "a list": lambda kind: ([1.0, 2.0],),
    "packed input size": lambda kind: (
        PackedSequence(torch.zeros(3, D + 1), torch.tensor([2, 1])),
    ),
    "packed 3-D": lambda kind: (PackedSequence(torch.zeros(3, 1, D), torch.tensor([2, 1])),),
    "packed state": lambda kind: (
        PackedSequence(torch.zeros(3, D), torch.tensor([2, 1])),
        hidden(kind, 1, 3, H),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", FORWARD)
def test_calls(kind, case):
    if kind == "LSTM" and case.startswith("packed"):
        # torch's LSTM does not look at packed data; its kernel fails later. Ours says what the
        # other layers say.
        error = raised(lambda: sequela.nn.LSTM(D, H)(*FORWARD[case](kind)))
        assert type(error) is RuntimeError
        assert str(error).startswith(("input", "Expected hidden"))
        return
    both(lambda module: getattr(module, kind)(D, H)(*FORWARD[case](kind)), case)


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_type_of_the_state(kind):
    state = hidden(kind, 1, B, H, dtype=torch.float64)
    both(lambda module: getattr(module, kind)(D, H)(torch.zeros(T, B, D), state))


def test_type_of_the_state_of_an_lstm():
    # torch's phrase depends on the kernel it takes; ours is the one of its other layers.
    state = hidden("LSTM", 1, B, H, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="mat1 and mat2 must have the same dtype"):
        sequela.nn.LSTM(D, H)(torch.zeros(T, B, D), state)


def three(*shape):
    return (torch.zeros(*shape),) * 3


@pytest.mark.parametrize(
    ("x", "hx", "phrase"),
    [
        (torch.zeros(T, B, D), three(1, B, H), "lstm expects two hidden states"),
        (torch.zeros(T, B, D), list(three(1, B, H)), "lstm expects two hidden states"),
        (torch.zeros(T, B, D), three(1, B, H)[:1], "tuple index out of range"),
        (torch.zeros(T, B, D), torch.zeros(2, 1, B, H), "lstm() received an invalid combination"),
        (torch.zeros(T, B, D), torch.zeros(2, B, H), "For batched 3-D input, hx and cx should"),
        (PACKED, three(1, 2, H), "lstm expects two hidden states"),
        (PACKED, three(1, 2, H)[:1], "lstm expects two hidden states"),
        (PACKED, torch.zeros(2, 1, 2, H), "lstm() received an invalid combination of arguments"),
    ],
)
def test_states_of_an_lstm_that_are_not_two(x, hx, phrase):
    theirs, ours = (raised(lambda m=module: m.LSTM(D, H)(x, hx)) for module in (nn, sequela.nn))
    assert type(ours) is type(theirs)
    assert str(theirs).startswith(phrase)
    assert str(ours).startswith(phrase)


def test_states_of_an_lstm_without_a_batch():
    for module in (nn, sequela.nn):
        # Stacked they are two states of two dimensions each.
        assert module.LSTM(D, H)(torch.zeros(T, D), torch.zeros(2, 1, H))[0].shape == (T, H)
        assert module.LSTMCell(D, H)(torch.zeros(D), torch.zeros(2, H))[0].shape == (H,)
    with pytest.raises(RuntimeError, match="lstm expects two hidden states"):
        sequela.nn.LSTM(D, H)(torch.zeros(T, D), three(1, H))


@pytest.mark.parametrize("hx", [three(B, H), three(B, H)[:1], torch.zeros(2, B, H)])
def test_states_of_an_lstm_cell_that_are_not_two(hx):
    both(lambda module: module.LSTMCell(D, H)(torch.zeros(B, D), hx))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["reference", "aten"])
def test_weights_that_do_not_fit(kind, backend):
    layer = getattr(sequela.nn, kind)(D, H)
    rows = layer.weight_hh_l0.shape[0]
    for name, shape in (
        ("weight_ih_l0", (rows + 1, D)),
        ("weight_ih_l0", (rows, D + 1)),
        ("weight_hh_l0", (rows, H + 1)),
        ("weight_hh_l0", (rows - 1, H)),
        ("bias_hh_l0", (1,)),
    ):
        given = {name: torch.zeros(shape)}
        with force(backend), pytest.raises(RuntimeError, match=r"shape|size"):
            torch.func.functional_call(layer, given, (torch.zeros(T, B, D),))


def test_packed_sequences_that_are_not_packed():
    layer = sequela.nn.GRU(D, H)
    for sizes, order, phrase in (
        ([1, 2], None, "must not increase"),
        ([3, 2], None, "batch_sizes sum to 5, got 3 steps"),
        ([3], [0, 1], r"batch_sizes\[0\] is 3, but sorted_indices has 2"),
    ):
        indices = None if order is None else torch.tensor(order)
        packed = PackedSequence(torch.zeros(3, D), torch.tensor(sizes), indices)
        with pytest.raises(RuntimeError, match=phrase):
            layer(packed)
    good = PackedSequence(torch.zeros(3, D), torch.tensor([2, 1]))
    for option in ({"lengths": [1, 2]}, {"mask": torch.ones(2, 2, dtype=torch.bool)}):
        with pytest.raises(RuntimeError, match="a PackedSequence carries its own lengths"):
            layer(good, **option)


@pytest.mark.parametrize(
    ("lengths", "kind", "phrase"),
    [
        (
            [1, 2, 3],
            RuntimeError,
            r"^Expected `len\(lengths\)` to be equal to batch_size, but got 3",
        ),
        ([[1, 2, 3, 4]], RuntimeError, "^Expected `len"),
        (3, RuntimeError, "^Expected `len"),
        ([1, 2, 3, T + 1], RuntimeError, "lengths of at most 5"),
        ([1, 2, 3, -1], RuntimeError, "^Length of all samples has to be greater than 0"),
        ([1.0, 2.0, 3.0, 4.0], TypeError, "whole numbers"),
        ([True] * B, TypeError, "whole numbers"),
    ],
)
def test_lengths(lengths, kind, phrase):
    with pytest.raises(kind, match=phrase):
        sequela.nn.GRU(D, H)(torch.zeros(T, B, D), lengths=lengths)


@pytest.mark.parametrize("name", ["mask", "reset"])
def test_mask_and_reset(name):
    layer = sequela.nn.GRU(D, H)
    for flags, kind, phrase in (
        (torch.ones(T, B), TypeError, "torch.bool, got: torch.float32"),
        ([[True] * B] * T, TypeError, "torch.bool, got: list"),
        (torch.ones(B, T, dtype=torch.bool), RuntimeError, rf"size \({T}, {B}\), got \[{B}, {T}\]"),
        (torch.ones(T, B, 1, dtype=torch.bool), RuntimeError, "Expected"),
    ):
        with pytest.raises(kind, match=phrase):
            layer(torch.zeros(T, B, D), **{name: flags})
    with pytest.raises(RuntimeError, match=rf"size \({T},\)"):
        layer(torch.zeros(T, D), **{name: torch.ones(T, 1, dtype=torch.bool)})


@pytest.mark.parametrize(
    "options",
    [
        {"merge": "average"},
        {"masked_output": "hold"},
        {"zoneout": 1.0},
        {"zoneout": (0.1, 0.2, 0.3)},
        {"zoneout": "0.1"},
        {"recurrent_dropout": -0.1},
        {"recurrent_dropout": True},
        {"layer_norm": 1},
        {"return_sequences": "no"},
        {"return_all_states": None},
        {"go_backwards": True, "bidirectional": True},
        {"initialisation": "xavier"},
        {"initialisation": "identity"},
        {"initialisation": "forget_gate_bias", "bias": False},
    ],
)
def test_our_own_options(options):
    with pytest.raises(ConfigError):
        sequela.nn.LSTM(D, H, **options)
    with pytest.raises(ConfigError, match="peephole: got GRU"):
        sequela.nn.GRU(D, H, peephole=True)
    if options.get("initialisation") == "forget_gate_bias":
        with pytest.raises(ConfigError, match="wanted an LSTM"):
            sequela.nn.GRU(D, H, initialisation="forget_gate_bias")


CELL_CALLS = {
    "3-D input": lambda kind: (torch.zeros(1, B, D),),
    "input size": lambda kind: (torch.zeros(B, D + 1),),
    "state size": lambda kind: (torch.zeros(B, D), hidden(kind, B, H + 1)),
    "state batch": lambda kind: (torch.zeros(B, D), hidden(kind, B + 1, H)),
    "state dimensions": lambda kind: (torch.zeros(B, D), hidden(kind, 1, 1, B, H)),
    "input type": lambda kind: (torch.zeros(B, D, dtype=torch.float64),),
    "state type": lambda kind: (torch.zeros(B, D), hidden(kind, B, H, dtype=torch.float64)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CELL_CALLS)
def test_cells(kind, case):
    both(lambda module: getattr(module, kind + "Cell")(D, H)(*CELL_CALLS[case](kind)))


def test_cells_with_weights_that_do_not_fit():
    # torch's LSTMCell reads beyond the end of such weights.
    for kind in KINDS:
        cell = getattr(sequela.nn, kind + "Cell")(D, H)
        rows = cell.weight_hh.shape[0]
        for name, shape in (
            ("weight_ih", (rows - 1, D)),
            ("weight_hh", (rows, H - 1)),
            ("bias_ih", (1,)),
        ):
            with pytest.raises(RuntimeError, match="must have shape"):
                torch.func.functional_call(cell, {name: torch.zeros(shape)}, (torch.zeros(B, D),))
    with pytest.raises(RuntimeError, match="lstm_cell expects two hidden states"):
        sequela.nn.LSTMCell(D, H)(torch.zeros(B, D), (torch.zeros(B, H),))
    with pytest.raises(RuntimeError, match="Unknown nonlinearity: cos"):
        sequela.nn.RNNCell(D, H, nonlinearity="cos")(torch.zeros(B, D))
