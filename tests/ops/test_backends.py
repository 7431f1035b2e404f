"""The choice of a backend: what it says, how it is forced, what it refuses."""

from __future__ import annotations

import pytest
import torch

from sequela.cells import CELLS
from sequela.errors import ConfigError
from sequela.nn import GRU, GRUCell
from sequela.ops import explain, force, native_recurrent
from sequela.ops.backends import BACKENDS, VARIABLE, choose
from sequela.ops.call import Facts
from sequela.ops.native import library


@pytest.fixture(autouse=True)
def _nothing_forced(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("option", ["", "peephole", "layer_norm", "zoneout", "recurrent_dropout"])
def test_every_call_has_a_backend_and_a_reason(cell, option):
    text = explain(cell, **({option: True} if option else {}))
    assert text.startswith(cell)
    assert text.endswith(".")
    assert "native not: " in text or ": native, because" in text
    assert "cuda not: " in text or ": native, because" in text


@pytest.mark.skipif(library() is None, reason="the native library is not built here")
def test_our_kernels_are_taken_where_they_are():
    for cell in ("rnn_tanh", "rnn_relu", "lstm", "gru_after", "gru_before"):
        assert ": native, because" in explain(cell)
    assert ": native, because" in explain("lstm", projection=True, peephole=True)
    assert "native not: it has no float16 kernels" in explain("lstm", dtype=torch.float16)


def test_torchs_kernels_are_taken_where_they_compute_the_same(monkeypatch):
    monkeypatch.setattr(native_recurrent, "library", lambda: None)
    for cell in ("rnn_tanh", "rnn_relu", "lstm", "gru_after"):
        assert ": aten, because" in explain(cell)
    assert ": aten, because" in explain("lstm", projection=True)
    assert "aten not: torch has no gru_before kernel" in explain("gru_before")
    assert "aten not: torch's kernels have no peephole" in explain("lstm", peephole=True)
    assert "only h at every step" in explain("lstm", everything=True)
    assert "float64 on cuda" in explain("lstm", device="cuda", dtype=torch.float64)


def test_forcing_by_context_and_by_environment(monkeypatch):
    facts = Facts("lstm")
    monkeypatch.setenv(VARIABLE, "reference")
    assert choose(facts).name == "reference"
    assert f"forced by {VARIABLE}" in explain("lstm")
    with force("aten"):
        assert choose(facts).name == "aten"
        assert "forced by ops.force" in explain("lstm")
        with force(None):
            assert choose(facts).name == "reference"
    assert choose(facts).name == "reference"


def choose_is_free(name: str) -> bool:
    return BACKENDS[name].objection(Facts("gru_before")) is None


@pytest.mark.parametrize("name", BACKENDS)
def test_a_forced_backend_computes_or_says_why_not(name):
    layer, x = GRU(2, 3, reset_after=False), torch.zeros(4, 1, 2)
    with force(name):
        if choose_is_free(name):
            assert layer(x)[0].shape == (4, 1, 3)
            return
        with pytest.raises(ConfigError, match=rf"backend '{name}', forced by ops.force, cannot"):
            layer(x)
        with pytest.raises(ConfigError, match="Force 'reference'"):
            GRUCell(2, 3, reset_after=False)(x[0])
        with pytest.raises(ConfigError, match="cannot compute gru_before"):
            explain("gru_before")


def test_unknown_names(monkeypatch):
    with (
        pytest.raises(ConfigError, match="wanted one of native, cuda, aten, reference"),
        force("x"),
    ):
        pass
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(ConfigError, match=f"{VARIABLE}: got 'fast'"):
        GRU(2, 3)(torch.zeros(4, 1, 2))
