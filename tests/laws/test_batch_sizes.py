"""Same row, same bits: every batch size from 1 to 257, both directions, both precisions."""

from __future__ import annotations

import pytest
import torch

from sequela import nn
from sequela.ops import explain
from sequela.ops.native import library

pytestmark = pytest.mark.skipif(library() is None, reason="the native library is not built here")

MOST, STEPS, D, H = 257, 3, 5, 36
CELLS = {
    "rnn_tanh": (nn.RNN, {}),
    "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (nn.LSTM, {}),
    "gru_after": (nn.GRU, {}),
    "gru_before": (nn.GRU, {"reset_after": False}),
}


@pytest.fixture(autouse=True)
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_row_has_the_same_bits_in_every_batch(cell, dtype):
    assert ": native" in explain(cell, dtype=dtype)
    torch.manual_seed(11)
    kind, options = CELLS[cell]
    layer = kind(D, H, bidirectional=True, dtype=dtype, **options).requires_grad_(False)
    x = torch.randn(STEPS, MOST, D, dtype=dtype)
    torch.set_num_threads(1)
    rows = [layer(x[:, b : b + 1])[0][:, 0] for b in range(MOST)]
    alone = torch.stack(rows, 1)
    for batch in range(1, MOST + 1):
        # Two threads take turns with one: the rows are then split elsewhere.
        torch.set_num_threads(2 if batch % 16 == 1 else 1)
        # The rows at the end of the batch as well: they fall into other tiles.
        start = (batch * 7) % (MOST - batch + 1)
        taken = slice(start, start + batch)
        assert torch.equal(layer(x[:, taken])[0], alone[:, taken]), batch
        if batch % 3 != 1:
            continue
        ragged = [1 + b % STEPS for b in range(batch)]
        output, _ = layer(x[:, taken], lengths=ragged)
        full = [b for b in range(batch) if ragged[b] == STEPS]
        assert torch.equal(output[:, full], alone[:, taken][:, full]), batch
