"""The laws are tried often enough: some hundred times by default, ten thousand in the long tier."""

from __future__ import annotations

import tests.laws.test_gradient_laws
import tests.laws.test_recurrent_laws
from tests.laws.cases import DEFAULT_EXAMPLES, LAWS, LONG_EXAMPLES


def test_there_are_enough_examples():
    modules = (tests.laws.test_recurrent_laws, tests.laws.test_gradient_laws)
    names = {name for module in modules for name in vars(module) if name.startswith("test_")}
    assert names <= set(LAWS)
    assert len(names) * LONG_EXAMPLES >= 10_000
    assert 200 <= len(names) * DEFAULT_EXAMPLES <= 500
