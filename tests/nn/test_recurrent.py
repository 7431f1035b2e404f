"""RNN, LSTM and GRU beside torch's: weights, outputs, states and all gradients."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
from tests.tolerances import EXACT, REFERENCE, SINGLE, SINGLE_GRADIENT
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import sequela.nn
from sequela.ops import force

B, T, D, H = 4, 5, 3, 4
LENGTHS = [3, 5, 1, 4]
KINDS = ["RNN", "LSTM", "GRU"]
CELLS = ["RNNCell", "LSTMCell", "GRUCell"]


def pair(kind, *given, dtype=torch.float64, **options):
    """Torch's layer and ours, made with the same seed."""
    layers = []
    for module in (torch.nn, sequela.nn):
        torch.manual_seed(5)
        layers.append(getattr(module, kind)(*given, dtype=dtype, **options))
    return layers


def flat(result):
    """``[output, h_n(, c_n)]`` of a result, packed or not."""
    output, states = result
    output = output.data if isinstance(output, PackedSequence) else output
    return [output, *(states if isinstance(states, tuple) else (states,))]


def draw(*shape, dtype=torch.float64, seed=11):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype, requires_grad=True)


def states(layer, batch=B):
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    width = layer.proj_size or layer.hidden_size
    if layer.mode != "LSTM":
        return draw(count, batch, width)
    return draw(count, batch, width), draw(count, batch, layer.hidden_size, seed=12)


def assert_same(theirs, ours, inputs, tolerance, gradient_tolerance=None, weights=None):
    """Outputs, states and the gradients of everything, under one random loss."""
    torch.testing.assert_close(ours, theirs, **tolerance)
    generator = torch.Generator().manual_seed(1)
    chosen = [torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in theirs]
    wanted, got = (
        torch.autograd.grad(outputs, [*inputs, *parameters], chosen, retain_graph=True)
        for outputs, parameters in zip((theirs, ours), weights, strict=True)
    )
    torch.testing.assert_close(got, wanted, **(gradient_tolerance or tolerance))


GRID = [
    dict(zip(("bias", "batch_first", "bidirectional", "num_layers"), values, strict=True))
    for values in itertools.product((True, False), (True, False), (True, False), (1, 2))
]


@pytest.mark.parametrize("backend", ["reference", "aten"])
@pytest.mark.parametrize("form", ["dense", "packed", "lengths"])
@pytest.mark.parametrize("kind", ["RNN", "RNN relu", "LSTM", "LSTM projected", "GRU"])
def test_torch_parity(kind, form, backend):
    kind, _, variant = kind.partition(" ")
    extra = {"relu": {"nonlinearity": "relu"}, "projected": {"proj_size": 2}}.get(variant, {})
    for options in GRID:
        theirs, ours = pair(kind, D, H, **options, **extra)
        assert list(theirs.state_dict()) == list(ours.state_dict())
        x = draw(B, T, D) if options["batch_first"] else draw(T, B, D)
        hx = states(ours)
        inputs = [x, *(hx if isinstance(hx, tuple) else (hx,))]
        packed = pack_padded_sequence(
            x, LENGTHS, batch_first=options["batch_first"], enforce_sorted=False
        )
        with force(backend):
            if form == "dense":
                results = theirs(x, hx), ours(x, hx)
            else:
                wanted = theirs(packed, hx)
                if form == "packed":
                    got = ours(packed, hx)
                    assert isinstance(got[0], PackedSequence)
                    assert torch.equal(got[0].batch_sizes, packed.batch_sizes)
                else:
                    padded = pad_packed_sequence(wanted[0], batch_first=options["batch_first"])
                    wanted = padded[0], wanted[1]
                    got = ours(x, hx, lengths=torch.tensor(LENGTHS))
                results = wanted, got
            weights = list(theirs.parameters()), list(ours.parameters())
            assert_same(*map(flat, results), inputs, REFERENCE, weights=weights)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_weights(kind):
    for options in ({}, {"num_layers": 2, "bidirectional": True}, {"bias": False}):
        theirs, ours = pair(kind, D, H, dtype=torch.float32, **options)
        for (name, wanted), (own_name, got) in zip(
            theirs.named_parameters(), ours.named_parameters(), strict=True
        ):
            assert name == own_name
            assert torch.equal(wanted, got)
    # What goes beyond torch comes behind torch's parameters and leaves them their numbers.
    theirs, ours = pair(kind, D, H, dtype=torch.float32)
    torch.manual_seed(5)
    extra = getattr(sequela.nn, kind)(D, H, layer_norm=True)
    assert all(torch.equal(getattr(extra, name), own) for name, own in ours.named_parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_as_near_as_torchs(kind):
    for options in ({}, {"bidirectional": True, "num_layers": 2}):
        theirs, ours = pair(kind, 8, 16, dtype=torch.float32, **options)
        x = draw(12, 6, 8, dtype=torch.float32)
        weights = list(theirs.parameters()), list(ours.parameters())
        results = flat(theirs(x)), flat(ours(x))
        assert_same(*results, [x], SINGLE, SINGLE_GRADIENT, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_unbatched_and_defaults(kind):
    for batch_first in (False, True):
        theirs, ours = pair(kind, D, H, bidirectional=True, batch_first=batch_first)
        x = draw(T, D)
        torch.testing.assert_close(flat(ours(x)), flat(theirs(x)), **REFERENCE)
        hx = states(ours, 1)
        hx = tuple(h[:, 0] for h in hx) if kind == "LSTM" else hx[:, 0]
        torch.testing.assert_close(flat(ours(x, hx)), flat(theirs(x, hx)), **REFERENCE)
        short = ours(x, hx, lengths=3)
        torch.testing.assert_close(flat(short)[1:], flat(ours(x[:3], hx))[1:], **REFERENCE)
        assert short[0].shape == (T, 2 * H)


@pytest.mark.parametrize("kind", KINDS)
def test_empty_batches_as_torch(kind):
    theirs, ours = pair(kind, D, H, bidirectional=True)
    wanted, got = flat(theirs(draw(T, 0, D))), flat(ours(draw(T, 0, D)))
    assert [t.shape for t in got] == [t.shape for t in wanted]
    with pytest.raises(RuntimeError, match=r"^Expected sequence length to be larger than 0 in RNN"):
        ours(draw(0, B, D))
    # Lengths are data: with them, sequences without a step are sequences.
    hx = states(ours)
    output, *final = flat(ours(draw(0, B, D), hx, lengths=[0] * B))
    assert output.shape == (0, B, 2 * H)
    for part, initial in zip(final, hx if kind == "LSTM" else (hx,), strict=True):
        assert torch.equal(part, initial)
    none = ours(draw(0, 0, D), lengths=[], mask=torch.ones(0, 0, dtype=torch.bool))
    assert none[0].shape == (0, 0, 2 * H)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_rows_of_length_zero(kind):
    theirs, ours = pair(kind, D, H, bidirectional=True, num_layers=2)
    lengths = torch.tensor([2, 0, 3, 0])
    order = torch.tensor([2, 0, 1, 3])
    x, hx = draw(3, B, D), states(ours)
    full = pack_padded_sequence(x[:, order[:2]], lengths[order[:2]])
    packed = PackedSequence(full.data, full.batch_sizes, order)
    output, *final = flat(ours(packed, hx))

    def chosen(rows):
        return tuple(h[:, rows] for h in hx) if kind == "LSTM" else hx[:, rows]

    wanted, *ends = flat(theirs(full, chosen(order[:2])))
    torch.testing.assert_close(output, wanted, **REFERENCE)
    for part, end, initial in zip(final, ends, hx if kind == "LSTM" else (hx,), strict=True):
        torch.testing.assert_close(part[:, order[:2]], end, **REFERENCE)
        torch.testing.assert_close(part[:, [1, 3]], initial[:, [1, 3]], **EXACT)
    nothing = PackedSequence(full.data[:0], full.batch_sizes[:0], order)
    output, *final = flat(ours(nothing, hx))
    assert output.shape == (0, 2 * H)
    for part, initial in zip(final, hx if kind == "LSTM" else (hx,), strict=True):
        assert torch.equal(part, initial)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_aliases(kind):
    ours = pair(kind, D, H)[1]
    short = getattr(sequela.nn, kind)(D, H, return_sequences=False, dtype=torch.float64)
    x, hx = draw(1, B, D).detach(), states(ours)
    for result in (ours(x, hx), ours(x, hx, lengths=[1, 0, 1, 0]), short(x, hx)):
        tensors = [*flat(result), x, *(hx if kind == "LSTM" else (hx,)), *ours.parameters()]
        addresses = {tensor.untyped_storage().data_ptr() for tensor in tensors}
        assert len(addresses) == len(tensors)


@pytest.mark.parametrize("kind", KINDS)
def test_state_dict_deepcopy_and_functional_weights(kind):
    theirs, ours = pair(kind, D, H, bidirectional=True, num_layers=2)
    x = draw(T, B, D)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(0.5)
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    twin = copy.deepcopy(ours)
    torch.testing.assert_close(flat(twin(x)), flat(theirs(x)), **REFERENCE)
    with torch.no_grad():
        twin.weight_hh_l0.zero_()
    theirs.load_state_dict(twin.state_dict())
    torch.testing.assert_close(flat(twin(x)), flat(theirs(x)), **REFERENCE)
    given = {name: draw(*weight.shape) for name, weight in theirs.named_parameters()}
    wanted = flat(torch.func.functional_call(theirs, given, (x,)))
    got = flat(torch.func.functional_call(ours, given, (x,)))
    weights = list(given.values()), list(given.values())
    assert_same(wanted, got, [x], REFERENCE, weights=weights)
    assert [len(names) for names in ours.all_weights] == [4] * 4
    ours.flatten_parameters()


def test_dropout_between_layers():
    layer = sequela.nn.LSTM(D, H, 2, dropout=0.5)
    x = draw(T, B, D, dtype=torch.float32)
    torch.manual_seed(1)
    first = layer(x)[0]
    torch.manual_seed(1)
    assert torch.equal(layer(x)[0], first)
    assert not torch.equal(layer(x)[0], first)
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])
    without = sequela.nn.LSTM(D, H, 2)
    without.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x)[0], without(x)[0])
    always = sequela.nn.GRU(D, H, 2, dropout=1.0, bias=False)
    assert torch.count_nonzero(always(x)[0]) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reset_after", [True, False])
def test_gradcheck_of_the_modules(kind, reset_after):
    options = {"reset_after": reset_after} if kind == "GRU" else {"bias": reset_after}
    layer = getattr(sequela.nn, kind)(2, 2, bidirectional=True, dtype=torch.float64, **options)
    x = draw(3, 2, 2)
    names = [name for name, _ in layer.named_parameters()]

    def call(x, *weights):
        given = dict(zip(names, weights, strict=True))
        result = torch.func.functional_call(layer, given, (x,), {"lengths": [2, 3]})
        return tuple(flat(result))

    assert torch.autograd.gradcheck(call, (x, *layer.parameters()))


@pytest.mark.parametrize("kind", CELLS)
def test_cells_beside_torchs(kind):
    for options in ({}, {"bias": False}) + (({"nonlinearity": "relu"},) if "RNN" in kind else ()):
        theirs, ours = pair(kind, D, H, **options)
        assert list(theirs.state_dict()) == list(ours.state_dict())
        assert repr(theirs) == repr(ours)
        x, h = draw(B, D), draw(B, H, seed=2)
        hx = (h, draw(B, H, seed=3)) if kind == "LSTMCell" else h
        inputs = [x, *(hx if kind == "LSTMCell" else (hx,))]
        for backend in ("reference", "aten"):
            with force(backend):
                results = theirs(x, hx), ours(x, hx)
                results = [list(r) if kind == "LSTMCell" else [r] for r in results]
                weights = list(theirs.parameters()), list(ours.parameters())
                assert_same(*results, inputs, REFERENCE, weights=weights)
                torch.testing.assert_close(ours(x[0]), theirs(x[0]), **REFERENCE)
                one = tuple(part[0] for part in hx) if kind == "LSTMCell" else hx[0]
                torch.testing.assert_close(ours(x[0], one), theirs(x[0], one), **REFERENCE)
        nobody = ours(x[:0])
        assert (nobody[0] if kind == "LSTMCell" else nobody).shape == (0, H)


def test_cells_beyond_torch():
    x, h = draw(B, D), draw(B, H, seed=2)
    for name, layer, options in (
        ("RNNCell", "RNN", {"nonlinearity": "sigmoid"}),
        ("GRUCell", "GRU", {"reset_after": False}),
    ):
        torch.manual_seed(0)
        cell = getattr(sequela.nn, name)(D, H, dtype=torch.float64, **options)
        torch.manual_seed(0)
        whole = getattr(sequela.nn, layer)(D, H, dtype=torch.float64, **options)
        assert next(iter(options)) in repr(cell)
        torch.testing.assert_close(cell(x, h), whole(x[None], h[None])[0][0], **REFERENCE)


def test_the_import_brings_no_table_library():
    import subprocess
    import sys

    code = (
        "import sys, time, torch, numpy; start = time.process_time(); import sequela.nn; "
        "took = time.process_time() - start; "
        "assert not {'polars', 'pyarrow', 'sklearn'} & set(sys.modules); print(took)"
    )
    took = float(subprocess.check_output([sys.executable, "-W", "error", "-c", code], text=True))
    # Processor time, so that a busy machine changes nothing; 0.05 s was seen.
    assert took < 0.3


@pytest.mark.parametrize("form", ["dense", "packed"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_types_under_autocast_are_torchs(kind, bidirectional, form):
    layers = pair(kind, D, H, 2, bidirectional=bidirectional, dtype=torch.float32)
    x = draw(T, B, D, dtype=torch.float32)
    given = x if form == "dense" else pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
    with torch.autocast("cpu", torch.bfloat16):
        theirs, ours = (flat(layer(given)) for layer in layers)
    if (kind, form) == ("LSTM", "packed"):
        # The exception that the module's docstring states: torch itself is of two minds.
        assert {part.dtype for part in theirs} == {torch.float32}
        theirs = [part.bfloat16() for part in theirs]
    assert [part.dtype for part in ours] == [part.dtype for part in theirs]
    torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_empty_rows_do_not_change_the_types_under_autocast(kind):
    layer = getattr(sequela.nn, kind)(D, H, bidirectional=True)
    with torch.autocast("cpu", torch.bfloat16):
        result = flat(layer(torch.zeros(T, 3, D), lengths=[2, 0, 5]))
    assert {part.dtype for part in result} == {torch.bfloat16}
