"""How close is close: every tolerance of the numerical tests, and why it is what it is."""

from __future__ import annotations

__all__ = ["EXACT", "GRADCHECK", "REFERENCE", "SINGLE", "SINGLE_GRADIENT"]

# The same operations in the same order: nothing may differ.
EXACT = {"rtol": 0.0, "atol": 0.0}

# float64 against another program of the same equations (torch's kernels, numpy): rounding only.
REFERENCE = {"rtol": 1e-12, "atol": 1e-12}

# float32 against float64, outputs and gradients: what torch itself reaches on these sizes
# (2e-7 to 7e-7 for outputs, 5e-7 to 1.2e-6 for gradients), with room for small sums.
SINGLE = {"rtol": 2e-6, "atol": 2e-6}
SINGLE_GRADIENT = {"rtol": 1e-5, "atol": 1e-5}

# Finite differences in float64, as torch.autograd.gradcheck has them by default.
GRADCHECK = {"eps": 1e-6, "atol": 1e-5, "rtol": 1e-3}
