"""Streams: truncation cuts where it says, recomputation is exact, memory is fixed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from tests.tolerances import EXACT, REFERENCE

import sequela.nn
from sequela.errors import ConfigError
from sequela.nn.stream import recomputed, recomputed_loss, truncated
from sequela.ops.native import library

T, B, D, H = 23, 3, 4, 5
KINDS = {
    "rnn": (sequela.nn.RNN, {}),
    "lstm": (sequela.nn.LSTM, {"num_layers": 2}),
    "peephole": (sequela.nn.LSTM, {"peephole": True}),
    "gru": (sequela.nn.GRU, {"batch_first": True}),
    "gru before": (sequela.nn.GRU, {"reset_after": False}),
    "torch": (torch.nn.LSTM, {}),
}


@pytest.fixture(params=KINDS)
def layer(request):
    kind, options = KINDS[request.param]
    torch.manual_seed(2)
    return kind(D, H, dtype=torch.float64, **options)


def data(layer):
    torch.manual_seed(3)
    shape = (B, T, D) if layer.batch_first else (T, B, D)
    state = torch.randn(layer.num_layers, B, H, dtype=torch.float64)
    lstm = isinstance(layer, (sequela.nn.LSTM, torch.nn.LSTM))
    return torch.randn(shape, dtype=torch.float64), (state, state / 2) if lstm else state


def axis(layer):
    return 1 if layer.batch_first else 0


def loss_of(output, start=0):
    return (output.square() * (1 + start % 3)).sum()


def by_hand(layer, x, hx, k1, k2):
    """The gradients of each piece's loss in a graph of its own, cut k2 steps before its end."""
    time = axis(layer)
    parameters = list(layer.parameters())
    total = [torch.zeros_like(part) for part in parameters]
    for start in range(0, T, k1):
        end = min(start + k1, T)
        begin = max(start + k1 - k2, 0)
        state = hx
        with torch.no_grad():
            if begin:
                state = layer(x.narrow(time, 0, begin), hx)[1]
        output, _ = layer(x.narrow(time, begin, end - begin), state)
        own = output.narrow(time, start - begin, end - start)
        found = torch.autograd.grad(loss_of(own, start), parameters)
        total = [a + b for a, b in zip(total, found, strict=True)]
    return total


@pytest.mark.parametrize(("k1", "k2"), [(4, None), (4, 8), (5, 15), (1, 3), (23, None), (50, 100)])
def test_truncated(layer, k1, k2):
    x, hx = data(layer)
    time = axis(layer)
    with torch.no_grad():
        whole, final = layer(x, hx)
    outputs, starts, state = [], [], None
    # The stream comes in parts that know nothing of k1.
    parts = iter(x.split([1, 0, 7, 2, 10, 3], time))
    for piece in truncated(layer, parts, hx, k1=k1, k2=k2):
        loss_of(piece.output, piece.start).backward()
        outputs.append(piece.output.detach())
        starts.append(piece.start)
        state = piece.state
    assert starts == list(range(0, T, k1))
    # torch's product has other bits in another batch; the sequence is a batch to it.
    plain = isinstance(layer, torch.nn.LSTM) or getattr(layer, "peephole", False)
    near = REFERENCE if plain or library() is None else EXACT
    torch.testing.assert_close(torch.cat(outputs, time), whole, **near)
    torch.testing.assert_close(state, final, **near)
    wanted = by_hand(layer, x, hx, k1, k2 or k1)
    for parameter, gradient in zip(layer.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, **REFERENCE)


def test_a_long_enough_window_is_the_whole_gradient(layer):
    x, hx = data(layer)
    for piece in truncated(layer, x, hx, k1=4, k2=24):
        piece.output.sum().backward()
    output, _ = layer(x, hx)
    wanted = torch.autograd.grad(output.sum(), list(layer.parameters()))
    for parameter, gradient in zip(layer.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, **REFERENCE)


@pytest.mark.parametrize("chunk", [None, 1, 6, 23, 99])
def test_recomputed_is_exact(layer, chunk):
    x, hx = data(layer)
    x.requires_grad_()
    leaves = [x, *layer.parameters()]
    output, final = layer(x, hx)
    parts = list(final) if isinstance(final, tuple) else [final]
    wanted = torch.autograd.grad([loss_of(output), *(part.sum() for part in parts)], leaves)
    again, end = recomputed(layer, x, hx, chunk=chunk)
    torch.testing.assert_close((again, end), (output, final), **REFERENCE)
    parts = list(end) if isinstance(end, tuple) else [end]
    found = torch.autograd.grad([loss_of(again), *(part.sum() for part in parts)], leaves)
    torch.testing.assert_close(found, wanted, **REFERENCE)


class Anchored(torch.nn.Module):
    """A layer whose state stays what its first step made of it: it returns what it was given."""

    batch_first = bidirectional = False

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(D, H, dtype=torch.float64))

    def forward(self, x, hx=None):
        anchor = x[0] @ self.weight if hx is None else hx
        return x @ self.weight * anchor, anchor


def test_the_returned_state_is_the_callers_own():
    torch.manual_seed(6)
    layer, x = Anchored(), torch.randn(T, B, D, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(layer(x)[0].sum(), layer.weight)
    output, end = recomputed(layer, x, chunk=5)
    with torch.no_grad():
        end.zero_()  # what is kept between the chunks must not hear of it
    (found,) = torch.autograd.grad(output.sum(), layer.weight)
    torch.testing.assert_close(found, wanted, **REFERENCE)


def test_recomputed_loss(layer):
    x, hx = data(layer)
    target = torch.randn_like(layer(x, hx)[0])
    time = axis(layer)

    def loss(output, start):
        return (output - target.narrow(time, start, output.shape[time])).square().sum()

    wanted = torch.autograd.grad(loss(layer(x, hx)[0], 0), list(layer.parameters()))
    total, state = recomputed_loss(layer, x, loss, hx, chunk=5)
    found = torch.autograd.grad(total, list(layer.parameters()))
    torch.testing.assert_close(found, wanted, **REFERENCE)
    torch.testing.assert_close(state, layer(x, hx)[1], **REFERENCE)


def test_the_loss_may_have_parameters():
    torch.manual_seed(4)
    layer, head = sequela.nn.LSTM(D, H), torch.nn.Linear(H, 1)
    x = torch.randn(T, B, D)
    leaves = [*layer.parameters(), *head.parameters()]
    wanted = torch.autograd.grad(head(layer(x)[0]).square().sum(), leaves)
    total, _ = recomputed_loss(layer, x, lambda output, start: head(output).square().sum())
    torch.testing.assert_close(torch.autograd.grad(total, leaves), wanted)


def test_what_was_drawn_is_drawn_again():
    layer = sequela.nn.GRU(D, H, recurrent_dropout=0.5, zoneout=0.2, dtype=torch.float64)
    x, hx = data(layer)
    x.requires_grad_()

    def plain():
        output, state = [], hx
        for part in x.split(5):
            out, state = layer(part, state)
            output.append(out)
        return torch.cat(output)

    torch.manual_seed(9)
    wanted = plain()
    torch.manual_seed(9)
    found, _ = recomputed(layer, x, hx, chunk=5)
    torch.rand(3)  # what is drawn in between changes nothing
    torch.testing.assert_close(found, wanted, **REFERENCE)
    for one, other in zip(
        torch.autograd.grad(found.sum(), [x, *layer.parameters()]),
        torch.autograd.grad(wanted.sum(), [x, *layer.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(one, other, **REFERENCE)


@pytest.mark.parametrize("kind", [sequela.nn.LSTM, sequela.nn.GRU, torch.nn.LSTM])
def test_autocast_holds_for_what_is_computed_again(kind):
    torch.manual_seed(5)
    layer, head, x = kind(D, H), torch.nn.Linear(H, 2), torch.randn(T, B, D, requires_grad=True)
    leaves = [x, *layer.parameters(), *head.parameters()]

    def loss(output, start=0):
        return head(output).float().square().sum()

    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        whole, _ = recomputed_loss(layer, x, loss, chunk=5)
        output, _ = recomputed(layer, x, chunk=5)
        wanted, _ = layer(x)
        total = loss(wanted)
    assert output.dtype == wanted.dtype
    late = torch.randn_like(output)
    for found, other in (
        (torch.autograd.grad(whole, leaves), torch.autograd.grad(total, leaves, retain_graph=True)),
        (
            torch.autograd.grad(output, leaves[:5], late),
            torch.autograd.grad(wanted, leaves[:5], late),
        ),
    ):
        for one, two in zip(found, other, strict=True):
            assert one.dtype == two.dtype
            assert (one - two).norm() < 0.02 * two.norm()


def test_parameters_that_are_others_by_then_are_refused():
    layer = sequela.nn.GRU(D, H)
    output, _ = recomputed(layer, torch.randn(T, B, D))
    layer.weight_hh_l0 = torch.nn.Parameter(layer.weight_hh_l0.detach().clone())
    with pytest.raises(RuntimeError, match="other parameters"):
        output.sum().backward()
    layer = sequela.nn.GRU(D, H)
    output, _ = recomputed(layer, torch.randn(T, B, D))
    with torch.no_grad():
        layer.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_the_initial_state_has_a_gradient():
    layer = sequela.nn.GRU(D, H, dtype=torch.float64)
    x, hx = data(layer)
    hx = hx.requires_grad_()
    (wanted,) = torch.autograd.grad(layer(x, hx)[0].sum(), hx)
    (found,) = torch.autograd.grad(recomputed(layer, x, hx)[0].sum(), hx)
    torch.testing.assert_close(found, wanted, **REFERENCE)


@pytest.mark.parametrize(
    ("options", "arguments", "phrase"),
    [
        ({}, {"k1": 0}, "k1"),
        ({}, {"k1": True}, "k1"),
        ({}, {"k1": 4, "k2": 6}, "multiple"),
        ({}, {"k1": 4, "k2": -4}, "k2"),
        ({"bidirectional": True}, {"k1": 4}, "reads forward"),
        ({"go_backwards": True}, {"k1": 4}, "reads forward"),
        ({"return_sequences": False}, {"k1": 4}, "every step"),
        ({"return_all_states": True}, {"k1": 4}, "return_all_states"),
    ],
)
def test_refusals(options, arguments, phrase):
    with pytest.raises(ConfigError, match=phrase):
        truncated(sequela.nn.GRU(D, H, **options), torch.zeros(T, B, D), **arguments)


def test_refusals_of_recomputation():
    layer = sequela.nn.GRU(D, H)
    for chunk in (0, -1, 2.5):
        with pytest.raises(ConfigError, match="chunk"):
            recomputed(layer, torch.zeros(T, B, D), chunk=chunk)
    with pytest.raises(ConfigError, match="no steps"):
        recomputed(layer, torch.zeros(0, B, D))
    with pytest.raises(ConfigError, match="reads forward"):
        recomputed_loss(sequela.nn.GRU(D, H, bidirectional=True), torch.zeros(T, B, D), loss_of)


# The peak of a process of its own, in MiB: after a short stream, and what longer ones add to it.
SCRIPT = """
import re, sys, torch
import sequela.nn
from sequela.nn.stream import recomputed_loss, truncated

def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read())[1]) / 1024

torch.set_num_threads(1)
layer, steps = sequela.nn.LSTM(8, 32), int(sys.argv[1])
def stream(steps):
    for _ in range(steps // 500):
        yield torch.randn(500, 4, 8)
def truncate(steps):
    for piece in truncated(layer, stream(steps), k1=100, k2=200):
        piece.output.square().mean().backward()
def recompute(steps):
    loss = lambda output, start: output.square().sum()
    recomputed_loss(layer, torch.randn(steps, 4, 8), loss)[0].backward()
def whole(steps):
    layer(torch.randn(steps, 4, 8))[0].square().sum().backward()
for run in (truncate, recompute, whole):
    run(2000)
start = peak()
for run in (truncate, recompute, whole):
    run(steps)
    print(peak() - start)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak is read on Linux")
@pytest.mark.parametrize("steps", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_many_steps_in_fixed_memory(steps):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(steps)],
        capture_output=True,
        text=True,
        check=True,
        # A fixed threshold: what is counted is what is kept, not what glibc's heap, whose threshold
        # grows with what is freed, leaves between two chunks (up to 90 MiB, whatever the length).
        env=os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "131072"},
    )
    truncation, recomputation, everything = map(float, done.stdout.split())
    assert truncation < 8, done.stdout
    # The input itself is up to 12 MiB, and what is kept between chunks is another few.
    assert recomputation < 24, done.stdout
    # Without them: the measurement sees what it should.
    assert everything > steps / 500, done.stdout
