"""Random layers and batches for the laws, and how many examples each law is tried with.

``make test`` draws the same few examples each time, ``make test-long`` (``SEQUELA_LAWS=explore``)
new ones, at least ten thousand over all laws; ``test_counts.py`` does the sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from hypothesis import settings
from hypothesis import strategies as st
from tests.tiers import examples
from tests.tolerances import EXACT, REFERENCE

from sequela import nn
from sequela.ops import explain

__all__ = ["CELLS", "DEFAULT_EXAMPLES", "LAWS", "LONG_EXAMPLES", "Case", "Drawn", "cases", "law"]

DEFAULT_EXAMPLES, LONG_EXAMPLES = 16, 500
LAWS: list[str] = []

CELLS: dict[str, tuple[Any, dict[str, Any]]] = {
    "rnn": (nn.RNN, {}),
    "relu": (nn.RNN, {"nonlinearity": "relu"}),
    "sigmoid": (nn.RNN, {"nonlinearity": "sigmoid"}),
    "rnn normalised": (nn.RNN, {"layer_norm": True}),
    "lstm": (nn.LSTM, {}),
    "lstm without bias": (nn.LSTM, {"bias": False}),
    "peephole": (nn.LSTM, {"peephole": True}),
    "lstm normalised": (nn.LSTM, {"peephole": True, "layer_norm": True}),
    "projected": (nn.LSTM, {"proj_size": 2}),
    "lstm zoneout": (nn.LSTM, {"zoneout": (0.3, 0.1)}),
    "gru": (nn.GRU, {}),
    "gru zoneout": (nn.GRU, {"zoneout": 0.2}),
    "gru normalised": (nn.GRU, {"layer_norm": True}),
    "gru before": (nn.GRU, {"reset_after": False}),
    "gru before normalised": (nn.GRU, {"reset_after": False, "layer_norm": True}),
}
# Input and hidden size: less than a vector, a vector and a bit, more vectors; long inputs.
WIDTHS = ((2, 3), (1, 17), (9, 33))


def law(test: Any) -> Any:
    """Marks a property test as a law: it is counted, and tried as often as the tier wants."""
    LAWS.append(test.__name__)
    return settings(max_examples=examples(DEFAULT_EXAMPLES, LONG_EXAMPLES), deadline=None)(test)


class Drawn(NamedTuple):
    """What hypothesis draws and prints."""

    cell: str
    lengths: list[int]
    seed: int
    dtype: torch.dtype
    width: tuple[int, int]

    def make(self, **options: Any) -> Case:
        """The layer and the batch."""
        return Case(self, **options)


# Some lengths may be 0, but not all.
cases = st.builds(
    Drawn,
    cell=st.sampled_from(list(CELLS)),
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=7).filter(any),
    seed=st.integers(0, 999),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    width=st.sampled_from(WIDTHS),
)


class Case:
    """A layer, a batch ``[T, B, D]`` with lengths of which some may be 0, and an initial state.

    Where the native kernels compute the layer, the laws hold bit for bit, in the drawn type. What
    plain PyTorch computes is float64, and equal up to rounding: torch's product depends on the
    batch.
    """

    def __init__(self, given: Drawn, **options: Any):
        torch.manual_seed(given.seed)
        self.kind, own = CELLS[given.cell]
        size, hidden = given.width
        self.bits = self._is_native(own, given.dtype)
        self.dtype = given.dtype if self.bits else torch.float64
        self.near = EXACT if self.bits else REFERENCE
        self.size, self.hidden = size, hidden
        self.options = {**own, "dtype": self.dtype}
        self.layer = self.kind(size, hidden, **self.options, **options).eval()
        self.lengths = torch.tensor(given.lengths)
        self.x = torch.randn(max(given.lengths), len(given.lengths), size, dtype=self.dtype)
        count = self.layer.num_layers * (2 if self.layer.bidirectional else 1)
        widths = [self.layer.proj_size or hidden, hidden][: 2 if self.kind is nn.LSTM else 1]
        self.hx = tuple(torch.randn(count, len(given.lengths), w, dtype=self.dtype) for w in widths)

    def _is_native(self, own: dict[str, Any], dtype: torch.dtype) -> bool:
        cell = {nn.RNN: "rnn_", nn.LSTM: "lstm", nn.GRU: "gru_"}[self.kind]
        if self.kind is nn.RNN:
            cell += own.get("nonlinearity", "tanh")
        elif self.kind is nn.GRU:
            cell += "after" if own.get("reset_after", True) else "before"
        said = explain(
            cell,
            dtype=dtype,
            projection="proj_size" in own,
            **{name: name in own for name in ("peephole", "layer_norm", "zoneout")},
        )
        return ": native" in said

    @property
    def beyond(self) -> torch.Tensor:
        """Bool ``[T, B]``: the steps behind a row's length."""
        return torch.arange(len(self.x))[:, None] >= self.lengths

    def single(self, size: int | None = None, **options: Any) -> Any:
        """A layer of the same kind, one level in one direction."""
        return self.kind(size or self.size, self.hidden, **self.options, **options).eval()

    def differentiable(self, x=None, hx=None, layer=None, **options):
        """Output and a tuple of final states."""
        options.setdefault("lengths", self.lengths)
        given = self.hx if hx is None else hx
        given = given if self.kind is nn.LSTM else given[0]
        output, final = (layer or self.layer)(self.x if x is None else x, given, **options)
        return output, final if self.kind is nn.LSTM else (final,)

    def __call__(self, *given, **options):
        """The same without a gradient."""
        with torch.no_grad():
            return self.differentiable(*given, **options)

    def assert_same(self, left, right) -> None:
        """Equal bits from the native kernels, rounding apart from plain PyTorch."""
        torch.testing.assert_close(left, right, **self.near)
