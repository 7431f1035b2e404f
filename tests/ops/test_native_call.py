"""What the boundary to the library must not leave to chance."""

from __future__ import annotations

import ctypes

import pytest
import torch

from sequela.ops import native_call, native_layer, native_step
from sequela.ops.native import library


class Watched:
    """A library that notes in which order the signatures of its functions are set."""

    def __init__(self):
        self.order: list[tuple[str, str]] = []

    def __getattr__(self, name):
        function = Function(name, self.order)
        setattr(self, name, function)
        return function


class Function:
    restype = None

    def __init__(self, name, order):
        vars(self).update(name=name, order=order)

    def __setattr__(self, field, value):
        self.order.append((self.name, field))
        vars(self)[field] = value


def test_what_says_that_signatures_are_set_is_set_last(monkeypatch):
    # A second thread that saw it before the others handed ctypes addresses cut to 32 bits.
    watched = Watched()
    monkeypatch.setattr(native_call, "library", lambda: watched)
    native_call._library()
    assert ("sequela_backward", "argtypes") in watched.order
    assert watched.order[-1] == ("sequela_saved_bytes", "restype")
    count = len(watched.order)
    native_call._library()
    assert len(watched.order) == count


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
@pytest.mark.parametrize("missing", ["w_ih", "w_hh"])
def test_missing_weights_are_an_error_without_steps_too(missing):
    # They are packed all the same: the library read from null.
    given = [torch.zeros(0, 3), torch.zeros(2, 4), torch.zeros(2, 4)]
    given += [torch.zeros(16, 3), torch.zeros(16, 4)]
    layer = native_layer.checked("lstm", torch.zeros(0, dtype=torch.int64), False, *given)
    described = native_layer.describe(layer)
    setattr(described, missing, None)
    ends = torch.zeros(2, 2, 4)
    words = (0, ends[0].data_ptr(), ends[1].data_ptr(), None, None)
    loaded = native_call._library()
    with pytest.raises(RuntimeError, match="an array is missing"):
        native_layer.done(loaded.sequela_forward(ctypes.addressof(described), *words))


@pytest.fixture
def _poisoned():
    """Memory that nobody has written holds NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.skipif(library() is None, reason="the native library is not built here")
@pytest.mark.parametrize("cell", native_layer.CELL_NUMBERS)
def test_gradients_without_steps_are_zeros(cell):
    rows = 4 * {"lstm": 4, "gru_after": 3, "gru_before": 3}.get(cell, 1)
    state = [torch.ones(2, 4), torch.ones(2, 4) if cell == "lstm" else None]
    weights = [torch.ones(rows, 3), torch.ones(rows, 4), torch.ones(rows), torch.ones(rows)]
    none = torch.zeros(0, dtype=torch.int64)
    layer = native_layer.checked(cell, none, False, torch.zeros(0, 3), *state, *weights)
    output, *_, saved = native_call.forward(layer, keep=True)
    late = [output, torch.full((2, 4), 2.0), torch.full((2, 4), 3.0) if cell == "lstm" else None]
    late = late if cell == "lstm" else late[:2]
    found = native_call.backward(layer, output, saved, late, [True] * 7)
    assert torch.equal(found[1], late[1])
    if cell == "lstm":
        assert torch.equal(found[2], late[2])
    assert all(not part.any() for part in found[3:7])


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
def test_a_nan_passes_relu_as_it_passes_torchs():
    x = torch.tensor([[float("nan")], [1.0]])
    ones = [torch.zeros(1, 3), None, torch.ones(3, 1), torch.ones(3, 3), None, None]
    layer = native_layer.checked("rnn_relu", torch.tensor([1, 1]), False, x, *ones)
    output, *_ = native_call.forward(layer)
    assert output.isnan().all()


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
def test_a_step_with_an_option_is_refused():
    given = [torch.zeros(1, 3), torch.zeros(1, 4), None, torch.zeros(4, 3), torch.zeros(4, 4)]
    layer = native_layer.checked("rnn_tanh", torch.tensor([1]), False, *given)
    described = native_layer.describe(layer)
    _, step, loaded = native_step._functions()
    memory = torch.empty(
        loaded.sequela_packed_bytes(ctypes.addressof(described)) + 64, dtype=torch.uint8
    )
    packed = memory.data_ptr() + -memory.data_ptr() % 64
    native_layer.done(loaded.sequela_pack(ctypes.addressof(described), packed))
    words = (packed, 1, given[0].data_ptr(), None, None, torch.zeros(1, 4).data_ptr(), None, None)
    described.zoneout_h = 0.5
    with pytest.raises(RuntimeError, match="does not have such an option"):
        native_layer.done(step(ctypes.addressof(described), *words))
