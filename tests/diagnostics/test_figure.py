"""The figures: what is drawn, and that the same figure is the same file."""

from __future__ import annotations

import sys

import pytest
import torch

from sequela.diagnostics import gradient_flow
from sequela.diagnostics.figure import flow_figure, save, training_figure
from sequela.errors import ConfigError, MissingDependencyError
from sequela.nn import GRU, LSTM


def _flows():
    torch.manual_seed(0)
    x = torch.randn(12, 3, 2)
    return {"GRU": gradient_flow(GRU(2, 4), x), "LSTM": gradient_flow(LSTM(2, 4, 2), x)}


def test_the_lines_are_the_flow_of_the_upper_layer():
    flows = _flows()
    figure = flow_figure({"one": flows, "two": {"LSTM": flows["LSTM"]}})
    left, right = figure.axes
    assert left.get_yscale() == right.get_yscale() == "log"
    assert "no unit" in left.get_ylabel()
    assert [line.get_label() for line in left.lines] == ["GRU", "LSTM", "LSTM, c"]
    line = left.lines[1]
    norms = flows["LSTM"].by_distance()[1]
    assert line.get_xdata()[0] == 0
    assert line.get_xdata()[-1] == -11
    assert line.get_ydata().tolist() == (norms / norms[0]).tolist()
    norms = flows["LSTM"].by_distance("c")[1]
    assert left.lines[2].get_ydata().tolist() == (norms / norms[0]).tolist()
    assert right.lines[0].get_color() == line.get_color() != left.lines[0].get_color()


def test_a_training_is_drawn_with_its_level():
    lines = {"RNN": [1.0, 0.5], "GRU": [1.0, 0.1]}
    figure = training_figure({"adding": lines}, "squared error", reference=("none", 1 / 6))
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["RNN", "GRU", "none"]
    assert figure.axes[0].get_ylabel() == "squared error"


def test_a_training_that_ended_early_is_marked():
    figure = training_figure({"clipping": {"none": [9.0], "norm": [9.0, 1.0]}}, "loss")
    (words,) = figure.axes[0].texts
    assert words.get_text() == "none: ends"
    assert words.xy == (1, 9.0)


def test_a_figure_is_saved_with_the_same_bytes(tmp_path):
    for ending, start in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        first = save(flow_figure({"one": _flows()}), tmp_path / f"first{ending}")
        again = save(flow_figure({"one": _flows()}), tmp_path / f"again{ending}")
        assert first.read_bytes().startswith(start)
        assert first.read_bytes() == again.read_bytes()


def test_what_cannot_be_drawn_is_refused(tmp_path, monkeypatch):
    figure = flow_figure({"one": _flows()})
    with pytest.raises(ConfigError, match=r"wanted \.svg or \.png"):
        save(figure, tmp_path / "figure.pdf")
    with pytest.raises(ConfigError, match="at least one a panel"):
        flow_figure({"one": {}})
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        flow_figure({"one": _flows()})
