"""The samples and the erroneous calls that torch tests its recurrent modules with, run on ours."""

from __future__ import annotations

import copy
import sys
import warnings
from typing import Any

import pytest
import torch
from tests.releases import NEWEST, TORCH
from tests.tolerances import REFERENCE, SINGLE, SINGLE_GRADIENT
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import sequela.nn

KINDS = ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"]
# Samples at least, over both modes, in torch 2.13: a generator that gives nothing shows nothing.
LEAST = {"RNN": 64, "LSTM": 32, "GRU": 32, "RNNCell": 3, "LSTMCell": 2, "GRUCell": 2}
ERRORS = {"RNN": 14, "LSTM": 14, "GRU": 14, "RNNCell": 6, "LSTMCell": 4, "GRUCell": 6}


@pytest.fixture(scope="module")
def rows() -> dict[str, Any]:
    """torch's table of modules; its import would change settings of the whole process."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        patch.setattr(torch.backends, "disable_global_flags", lambda: None)
        patch.setitem(sys.modules, "hypothesis", None)  # it would load a profile of its own
        from torch.testing._internal.common_modules import module_db
    return {
        row.module_cls.__name__: row
        for row in module_db
        if row.module_cls.__module__ == "torch.nn.modules.rnn"
    }


def flat(value: Any) -> list[Tensor]:
    """Every tensor in arguments or results."""
    if isinstance(value, PackedSequence):
        return [value.data]
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value or () for tensor in flat(part)]


def build(module: Any, kind: str, given: Any, **factory: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return getattr(module, kind)(*given.args, **{**factory, **given.kwargs})


def results(layer: torch.nn.Module, given: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs, and gradients of inputs and weights under one random loss."""
    outputs = flat(layer(*given.args, **given.kwargs))
    generator = torch.Generator().manual_seed(1)
    loss = [torch.randn(part.shape, generator=generator, dtype=part.dtype) for part in outputs]
    wanted = [*flat(given.args), *layer.parameters()]
    return outputs, list(torch.autograd.grad(outputs, wanted, loss))


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_samples(rows: dict[str, Any], kind: str, dtype: torch.dtype, training: bool):
    torch.manual_seed(0)
    samples = rows[kind].module_inputs_func(
        rows[kind],
        device="cpu",
        dtype=dtype,
        requires_grad=True,
        training=training,
        with_packed_sequence=True,
    )
    assert len(samples) >= LEAST[kind] // (1 if kind.endswith("Cell") else 2)
    single = dtype == torch.float32
    for sample in samples:
        given = sample.constructor_input
        theirs, ours = (
            build(module, kind, given, dtype=dtype).train(training)
            for module in (torch.nn, sequela.nn)
        )
        assert list(ours.state_dict()) == list(theirs.state_dict())
        (wanted, slopes), (got, ours_slopes) = (
            results(layer, sample.forward_input) for layer in (theirs, ours)
        )
        torch.testing.assert_close(got, wanted, **(SINGLE if single else REFERENCE))
        torch.testing.assert_close(
            ours_slopes, slopes, **(SINGLE_GRADIENT if single else REFERENCE)
        )


@pytest.mark.parametrize("kind", KINDS)
def test_torch_s_references_without_a_batch(rows: dict[str, Any], kind: str):
    samples = rows[kind].module_inputs_func(
        rows[kind], device="cpu", dtype=torch.float64, requires_grad=False, training=False
    )
    for sample in samples:
        layer = build(sequela.nn, kind, sample.constructor_input, dtype=torch.float64)
        given = copy.deepcopy(sample.forward_input)
        got = flat(layer(*given.args, **given.kwargs))
        wanted = sample.reference_fn(layer, *given.args, **given.kwargs)
        torch.testing.assert_close(got, flat(wanted), **REFERENCE)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_erroneous_calls(rows: dict[str, Any], kind: str, dtype: torch.dtype):
    samples = rows[kind].module_error_inputs_func(
        rows[kind], device="cpu", dtype=dtype, requires_grad=False, training=False
    )
    # An older torch has fewer of them: two for its layers in 2.5.
    assert len(samples) >= (ERRORS[kind] if TORCH >= NEWEST else 2)
    for sample in samples:
        given, construction = sample.module_error_input, sample.error_on.name.startswith("CON")
        factory = {"dtype": dtype} if kind.endswith("Cell") else {}
        for module in (torch.nn, sequela.nn):
            if construction:
                with pytest.raises(sample.error_type, match=sample.error_regex):
                    build(module, kind, given.constructor_input, **factory)
                continue
            layer = build(module, kind, given.constructor_input, **factory)
            with pytest.raises(sample.error_type, match=sample.error_regex):
                layer(*given.forward_input.args, **given.forward_input.kwargs)
