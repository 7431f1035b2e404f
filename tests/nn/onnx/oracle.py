"""onnxruntime as a second opinion, and how close it is."""

from __future__ import annotations

from typing import Any

import onnx
import onnxruntime
import torch

__all__ = ["CLOSE", "compute"]

# onnxruntime's tanh and sigmoid are rational functions in float32, with errors of a few 1e-7 each;
# relu has no bound, so its states are compared relative to their size.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def compute(model: Any, feed: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """What onnxruntime makes of a model, output by output."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    arrays = {name: value.numpy() for name, value in feed.items()}
    return [torch.from_numpy(part) for part in session.run(None, arrays)]
