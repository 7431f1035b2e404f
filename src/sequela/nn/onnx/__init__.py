"""Recurrent layers from ONNX files, and into them; needs the extra ``onnx`` when it is called."""

from __future__ import annotations

from sequela.nn.onnx.read import from_onnx, from_onnx_node
from sequela.nn.onnx.write import to_onnx

__all__ = ["from_onnx", "from_onnx_node", "to_onnx"]
