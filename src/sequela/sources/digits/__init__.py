"""Images of handwritten digits as UCI publishes them and scikit-learn ships them."""

from __future__ import annotations

from sequela.sources.digits.read import read

__all__ = ["read"]
