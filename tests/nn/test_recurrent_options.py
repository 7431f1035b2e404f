"""Lengths, masks, resets and the constructor's options, against a plain walk over single steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tolerances import EXACT, REFERENCE

import sequela.nn
from sequela.cells import CELLS, CellWeights, input_product, zoneout
from sequela.ops import explain, force, masks

D, H = 2, 3
KINDS = {
    "rnn_sigmoid": ("RNN", {"nonlinearity": "sigmoid"}),
    "lstm": ("LSTM", {"peephole": True}),
    "gru_after": ("GRU", {}),
    "gru_before": ("GRU", {"reset_after": False}),
}


def make(cell, **options):
    kind, own = KINDS[cell]
    torch.manual_seed(3)
    return getattr(sequela.nn, kind)(D, H, dtype=torch.float64, **{**own, **options})


def draw(*shape, seed=4):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def flags(rng, *shape):
    return torch.from_numpy(rng.random(shape) < 0.6)


def weights_of(layer, suffix):
    names = {"w_ih": "weight_ih", "w_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
    names |= {"w_peephole": "weight_peephole", "w_hr": "weight_hr"}
    names |= {name: name for name in ("norm_ih", "norm_hh", "norm_c", "norm_c_bias")}
    return CellWeights(
        **{field: getattr(layer, f"{name}_l0{suffix}", None) for field, name in names.items()}
    )


def walk(cell, weights, x, state, length, mask, reset, reverse, hold):
    """One row ``[T, D]`` on its own: the meaning of every option, without any packing."""
    output = torch.zeros(len(x), H, dtype=x.dtype)
    for t in reversed(range(length)) if reverse else range(length):
        # The flag belongs to the border before its step; in reverse that border comes after it.
        border = t + 1 if reverse else t
        if border < length and reset[border]:
            state = type(state)(*(torch.zeros_like(part) for part in state))
        if mask[t]:
            state, _ = CELLS[cell].step(input_product(x[t : t + 1], weights), state, weights)
        if mask[t] or hold:
            output[t] = state.h[0]
    return output, state


@settings(max_examples=25, deadline=None)
@given(
    cell=st.sampled_from(list(KINDS)),
    batch=st.integers(0, 4),
    steps=st.integers(1, 6),
    seed=st.integers(0, 999),
    used=st.sets(st.sampled_from(["lengths", "mask", "reset"]), min_size=1),
    hold=st.booleans(),
    batch_first=st.booleans(),
)
def test_lengths_masks_and_resets(cell, batch, steps, seed, used, hold, batch_first):
    layer = make(
        cell,
        bidirectional=True,
        batch_first=batch_first,
        masked_output="repeat" if hold else "zero",
    )
    rng = np.random.default_rng(seed)
    x = draw(batch, steps, D, seed=seed)
    count = len(CELLS[cell].state._fields)
    initial = [draw(2, batch, H, seed=seed + 1 + k) for k in range(count)]
    every = torch.ones(batch, steps, dtype=torch.bool)
    lengths, mask, reset = [steps] * batch, every, ~every
    call = {}
    if "lengths" in used:
        call["lengths"] = lengths = rng.integers(0, steps + 1, batch).tolist()
    if "mask" in used:
        mask = flags(rng, batch, steps)
        call["mask"] = mask if batch_first else mask.t()
    if "reset" in used:
        reset = flags(rng, batch, steps)
        call["reset"] = reset if batch_first else reset.t()
    hx = tuple(initial) if cell == "lstm" else initial[0]
    with torch.no_grad():
        output, final = layer(x if batch_first else x.transpose(0, 1), hx, **call)
        output = output if batch_first else output.transpose(0, 1)
        final = final if cell == "lstm" else (final,)
        assert output.shape == (batch, steps, 2 * H)
        for b in range(batch):
            for direction, suffix in enumerate(("", "_reverse")):
                start = CELLS[cell].state(*(part[direction, b : b + 1] for part in initial))
                wanted, end = walk(
                    cell,
                    weights_of(layer, suffix),
                    x[b],
                    start,
                    lengths[b],
                    mask[b],
                    reset[b],
                    direction == 1,
                    hold and "mask" in used,
                )
                got = output[b, :, direction * H : (direction + 1) * H]
                torch.testing.assert_close(got, wanted, **REFERENCE)
                for part, last in zip(final, end, strict=True):
                    torch.testing.assert_close(part[direction, b], last[0], **REFERENCE)


def test_a_mask_of_prefixes_is_lengths():
    layer = make("gru_after", num_layers=2, bidirectional=True, masked_output="zero")
    x, lengths = draw(5, 3, D), torch.tensor([2, 5, 0])
    mask = torch.arange(5)[:, None] < lengths
    by_mask, by_lengths = layer(x, mask=mask), layer(x, lengths=lengths)
    torch.testing.assert_close(by_mask, by_lengths, **EXACT)
    # In the default habit the padding repeats the last output of the forward direction.
    held = make("gru_after", masked_output="repeat")
    output, h_n = held(x, mask=mask)
    torch.testing.assert_close(output[-1], h_n[0], **EXACT)


def test_what_lies_under_a_mask_or_beyond_a_length_is_not_read():
    layer = make("lstm", bidirectional=True)
    x = draw(5, 2, D)
    mask = torch.tensor([[1, 1], [0, 1], [1, 0], [0, 0], [1, 1]], dtype=torch.bool)
    spoilt = x.masked_fill(~mask[..., None], math.nan).requires_grad_()
    output, (h_n, c_n) = layer(spoilt, mask=mask)
    torch.testing.assert_close(output, layer(x, mask=mask)[0], **EXACT)
    (output.sum() + h_n.sum() + c_n.sum()).backward()
    assert spoilt.grad.isfinite().all()
    assert torch.count_nonzero(spoilt.grad[~mask]) == 0


@pytest.mark.parametrize("merge", ["concat", "sum", "mean", "mul", None])
def test_merge_acts_after_every_layer(merge):
    layer = make("gru_after", num_layers=2, bidirectional=True, merge=merge)
    wide = 2 * H if merge in ("concat", None) else H
    assert layer.weight_ih_l1.shape == (3 * H, wide)
    assert layer.output_size == (2 * H if merge == "concat" else H)
    x, lengths = draw(4, 3, D), [4, 0, 2]

    def one(level, suffix, go_backwards, x):
        single = sequela.nn.GRU(x.shape[-1], H, go_backwards=go_backwards, dtype=torch.float64)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        single.load_state_dict(
            {f"{name}_l0": getattr(layer, f"{name}_l{level}{suffix}") for name in names}
        )
        return single(x, lengths=lengths)

    merged, finals = x, []
    for level in (0, 1):
        (forward, h_f), (backward, h_b) = (
            one(level, suffix, suffix != "", merged) for suffix in ("", "_reverse")
        )
        finals += [h_f[0], h_b[0]]
        merged = {
            "concat": torch.cat([forward, backward], -1),
            "sum": forward + backward,
            "mean": (forward + backward) / 2,
            "mul": forward * backward,
            None: torch.cat([forward, backward], -1),
        }[merge]
    output, h_n = layer(x, lengths=lengths)
    if merge is None:
        assert isinstance(output, tuple)
        output = torch.cat(output, -1)
    torch.testing.assert_close(output, merged, **REFERENCE)
    torch.testing.assert_close(h_n, torch.stack(finals), **REFERENCE)


def test_return_sequences_false_gives_each_directions_last_step():
    options = {"num_layers": 2, "bidirectional": True}
    whole, last = (make("lstm", return_sequences=keep, **options) for keep in (True, False))
    x, lengths = draw(4, 3, D), [4, 0, 2]
    output, (h_n, _) = last(x, lengths=lengths)
    assert output.shape == (3, 2 * H)
    torch.testing.assert_close(output, torch.cat([h_n[2], h_n[3]], -1), **EXACT)
    steps = whole(x, lengths=lengths)[0]
    for b, length in ((0, 4), (2, 2)):
        torch.testing.assert_close(output[b, :H], steps[length - 1, b, :H], **EXACT)
        torch.testing.assert_close(output[b, H:], steps[0, b, H:], **EXACT)
    assert torch.count_nonzero(output[1]) == 0
    packed = torch.nn.utils.rnn.pack_sequence([x[:4, 0], x[:2, 2]])
    torch.testing.assert_close(last(packed)[0], output[[0, 2]], **REFERENCE)
    assert last(x[:, 0])[0].shape == (2 * H,)
    pair = make("lstm", return_sequences=False, bidirectional=True, merge=None)(x[:, 0])[0]
    assert [half.shape for half in pair] == [(H,), (H,)]


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_every_state_and_gate(cell, batch_first):
    layer = make(cell, num_layers=2, bidirectional=True, return_all_states=True)
    layer.batch_first = batch_first
    x = draw(2, 5, D) if batch_first else draw(5, 2, D)
    mask = torch.tensor([[1, 1], [0, 1], [1, 0], [0, 0], [1, 1]], dtype=torch.bool)
    given = mask.t() if batch_first else mask
    output, final, states = layer(x, mask=given)
    assert type(states) is getattr(sequela.nn, KINDS[cell][0] + "States")
    for name, value in states._asdict().items():
        assert value.shape == (4, *x.shape[:2], H)
        if name not in ("h", "c"):
            assert torch.count_nonzero(value[:, ~given]) == 0
    torch.testing.assert_close(output, torch.cat([states.h[2], states.h[3]], -1), **EXACT)
    if cell == "lstm":
        time = 1 if batch_first else 0
        c_n = states.c[2].select(time, -1), states.c[3].select(time, 0)
        torch.testing.assert_close(torch.stack(c_n), final[1][2:], **EXACT)
    one = layer(x[0] if batch_first else x[:, 0])[2]
    assert one.h.shape == (4, 5, H)
    packed = torch.nn.utils.rnn.pack_sequence([draw(3, D), draw(2, D)])
    assert layer(packed)[2].h.shape == (4, 5, H)
    plain = make(cell, num_layers=2, bidirectional=True)
    plain.batch_first = batch_first
    torch.testing.assert_close(plain(x, mask=given)[0], output, **REFERENCE)


@pytest.mark.parametrize("cell", KINDS)
def test_go_backwards_keeps_the_order_of_time(cell):
    forward, backward = make(cell), make(cell, go_backwards=True)
    x, lengths = draw(4, 3, D), [4, 0, 2]
    output, _ = backward(x, lengths=lengths)
    for b, length in enumerate(lengths):
        if not length:
            continue
        wanted, _ = forward(x[:length, b].flip(0))
        torch.testing.assert_close(output[:length, b], wanted.flip(0), **REFERENCE)


@pytest.mark.parametrize("cell", KINDS)
def test_zoneout(cell):
    parts = CELLS[cell].state._fields
    rates = (0.25, 0.5)[: len(parts)]
    layer = make(cell, zoneout=rates).eval()
    x = draw(3, 2, D)
    # In evaluation the expectation: a fixed blend of the old and the new state.
    weights = weights_of(layer, "")
    state = CELLS[cell].state(*(torch.zeros(2, H, dtype=x.dtype) for _ in parts))
    output, _ = layer(x)
    for t in range(3):
        new, _ = CELLS[cell].step(input_product(x[t], weights), state, weights)
        blended = (zoneout(*each) for each in zip(new, state, rates, strict=True))
        state = CELLS[cell].state(*blended)
        torch.testing.assert_close(output[t], state.h, **REFERENCE)
    # In training a unit keeps its old value or takes the new one, with the given frequency.
    wide = getattr(sequela.nn, KINDS[cell][0])(D, 200, zoneout=0.25, **KINDS[cell][1])
    with torch.no_grad():
        torch.manual_seed(0)
        output, _ = wide(torch.randn(50, 4, D))
    kept = (output[1:] == output[:-1]).double().mean().item()
    if cell != "lstm":
        assert abs(kept - 0.25) < 0.01
    assert not torch.equal(wide(torch.ones(5, D))[0], wide(torch.ones(5, D))[0])


@pytest.mark.parametrize("cell", KINDS)
def test_recurrent_dropout_is_one_mask_per_sequence(cell):
    layer = make(cell, recurrent_dropout=0.5)
    x = draw(4, 3, D)
    torch.manual_seed(2)
    output, _ = layer(x)
    torch.manual_seed(2)
    rows = torch.arange(3)
    seed, steps = masks.draw_seed(), torch.zeros_like(rows)
    mask = masks.draw(x, seed, 0, rows, steps, H, 0.5, (0.0, 2.0))
    assert set(mask.flatten().tolist()) == {0.0, 2.0}
    weights = weights_of(layer, "")
    zeros = torch.zeros(3, H, dtype=x.dtype)
    state = CELLS[cell].state(*(zeros for _ in CELLS[cell].state._fields))
    for t in range(4):
        state, _ = CELLS[cell].step(input_product(x[t], weights), state, weights, mask)
        torch.testing.assert_close(output[t], state.h, **REFERENCE)
    # A reset does not draw a new mask, and evaluation uses none.
    torch.manual_seed(2)
    reset = torch.tensor([False, False, True, False])[:, None].expand(4, 3)
    cut = layer(x, reset=reset)[0]
    torch.testing.assert_close(cut[:2], output[:2], **REFERENCE)
    torch.manual_seed(2)
    torch.testing.assert_close(cut[2:], layer(x[2:])[0], **REFERENCE)
    plain = make(cell)
    torch.testing.assert_close(layer.eval()(x), plain(x), **REFERENCE)


def test_recurrent_dropout_follows_its_sequence():
    # Whatever the order of the lengths and the number of resets: the sequence keeps its mask.
    layer = make("gru_before", recurrent_dropout=0.5)
    x = draw(6, 4, D)
    reset = torch.zeros(6, 4, dtype=torch.bool)
    reset[1, 2] = reset[4, 2] = reset[3, 0] = True
    lengths = torch.tensor([4, 1, 6, 5])
    torch.manual_seed(2)
    ragged = layer(x, lengths=lengths, reset=reset)[0]
    for b, length in enumerate(lengths.tolist()):
        torch.manual_seed(2)
        dense = layer(x, reset=reset)[0]
        torch.testing.assert_close(ragged[:length, b], dense[:length, b], **REFERENCE)
    torch.manual_seed(2)
    plain = layer(x)[0]
    torch.testing.assert_close(dense[:, [1, 3]], plain[:, [1, 3]], **REFERENCE)


@pytest.mark.parametrize("cell", KINDS)
def test_layer_norm(cell):
    layer = make(cell, layer_norm=True, num_layers=2)
    norms = [name for name in layer.state_dict() if name.startswith("norm")]
    expected = ["norm_ih_l0", "norm_hh_l0"] + ["norm_c_l0", "norm_c_bias_l0"] * (cell == "lstm")
    assert norms == expected + [name.replace("l0", "l1") for name in expected]
    x = draw(4, 3, D)
    # The scale of the input does not matter; that of a plain layer does.
    scaled = layer(10 * x)[0]
    torch.testing.assert_close(layer(x)[0], scaled, rtol=1e-3, atol=1e-3)
    single = make(cell, layer_norm=True)
    weights = weights_of(single, "")
    zeros = torch.zeros(3, H, dtype=x.dtype)
    state = CELLS[cell].state(*(zeros for _ in CELLS[cell].state._fields))
    new, _ = CELLS[cell].step(input_product(x[0], weights), state, weights)
    torch.testing.assert_close(single(x)[0][0], new.h, **REFERENCE)


def test_peephole_and_projection_together():
    torch.manual_seed(0)
    layer = sequela.nn.LSTM(D, H, proj_size=2, peephole=True, dtype=torch.float64)
    assert layer.weight_peephole_l0.shape == (3, H)
    x = draw(3, 2, D)
    output, (h_n, c_n) = layer(x)
    assert (output.shape, h_n.shape, c_n.shape) == ((3, 2, 2), (1, 2, 2), (1, 2, H))
    with torch.no_grad():
        layer.weight_peephole_l0.zero_()
    plain = torch.nn.LSTM(D, H, proj_size=2, dtype=torch.float64)
    plain.load_state_dict(layer.state_dict(), strict=False)
    torch.testing.assert_close(layer(x)[0], plain(x)[0], **REFERENCE)


def test_initialisation_by_name():
    lstm = sequela.nn.LSTM(
        D, 8, 2, bidirectional=True, initialisation=["orthogonal", "forget_gate_bias"]
    )
    for name, parameter in lstm.named_parameters():
        if "weight_hh" in name:
            for block in parameter.detach().chunk(4):
                torch.testing.assert_close(block @ block.t(), torch.eye(8), rtol=1e-4, atol=1e-5)
    bias = (lstm.bias_ih_l1_reverse + lstm.bias_hh_l1_reverse).detach()
    assert torch.equal(bias[8:16], torch.ones(8))
    assert not torch.equal(bias[:8], torch.ones(8))
    relu = sequela.nn.RNN(D, 8, nonlinearity="relu", initialisation="identity")
    assert torch.equal(relu.weight_hh_l0.detach(), torch.eye(8))
    assert torch.count_nonzero(relu.bias_ih_l0) == 0
    projected = sequela.nn.LSTM(D, 8, proj_size=3, initialisation="orthogonal")
    block = projected.weight_hh_l0.detach()[:8]
    torch.testing.assert_close(block.t() @ block, torch.eye(3), rtol=1e-4, atol=1e-5)


def test_repr_shows_what_is_not_the_default():
    layer = sequela.nn.GRU(2, 3, 2, bidirectional=True, merge="sum", zoneout=0.1, reset_after=False)
    assert repr(layer) == (
        "GRU(2, 3, num_layers=2, bidirectional=True, merge=sum, zoneout=(0.1,), reset_after=False)"
    )
    assert repr(sequela.nn.LSTM(2, 3, proj_size=1)) == repr(torch.nn.LSTM(2, 3, proj_size=1))


def test_a_forced_backend_reaches_the_layers():
    layer, x = make("gru_after"), draw(3, 2, D)
    with force("reference"):
        assert "forced" in explain("gru_after")
        output = layer(x)[0]
    torch.testing.assert_close(layer(x)[0], output, **REFERENCE)


@pytest.mark.parametrize("cell", KINDS)
def test_a_batch_of_empty_rows_has_a_gradient(cell):
    layer, x = make(cell, bidirectional=True), draw(4, 3, D).requires_grad_()
    output, _ = layer(x, lengths=[0, 0, 0])
    output.sum().backward()
    assert torch.count_nonzero(x.grad) == 0
