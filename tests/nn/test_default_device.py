"""A default device that is not the CPU: what lies on the CPU is computed there all the same.

``torch.set_default_device`` decides where tensors are made that are made from nothing. A kernel
that is handed the address of such a tensor writes where it must not.
"""

from __future__ import annotations

import pytest
import torch

from sequela import nn
from sequela.ops import reduce

X = torch.linspace(-1, 1, 30).view(5, 2, 3)
LENGTHS = torch.tensor([3, 5])
PLACES, OFFSETS = torch.tensor([0, 1, 1]), torch.tensor([0, 2])
FLAGS = torch.tensor([True, False]).repeat(5, 1)


def layer(options=None, **given):
    made = nn.LSTM(3, 4, **(options or {}))
    return lambda: made(X, **given)[0]


def cell():
    made = nn.LSTMCell(3, 4).requires_grad_(False)
    return lambda: made(X[0])[0]


def stepper():
    made = nn.LSTM(3, 4).stepper(2)
    return lambda: made(X[0])


def head(*lengths):
    made = nn.Head(nn.Pool("mean+max+attention+last", 3), nn.Classify(12, classes=3))
    made.requires_grad_(False)
    return lambda: made(X, *lengths)


CALLS = {
    "dense": layer,
    "lengths": lambda: layer(lengths=LENGTHS),
    "listed lengths": lambda: layer(lengths=[3, 5]),
    "mask": lambda: layer(mask=FLAGS),
    "reset": lambda: layer(reset=FLAGS, lengths=[3, 5]),
    "drawn": lambda: layer({"zoneout": 0.2, "recurrent_dropout": 0.2}, lengths=LENGTHS),
    "cell": cell,
    "stepper": stepper,
    "head": lambda: head(LENGTHS),
    "head, listed lengths": lambda: head([3, 5]),
    "head, all steps": head,
    "bag": lambda: lambda: reduce.bag_sum(X[0], PLACES, OFFSETS),
    "softmax": lambda: lambda: reduce.softmax(X),
    "exp": lambda: lambda: reduce.exp(X),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_default_device_changes_nothing(name):
    torch.manual_seed(1)
    call = CALLS[name]()
    torch.manual_seed(1)
    again = CALLS[name]()  # a cell packs its weights at its first call
    torch.manual_seed(2)
    wanted = call()
    torch.manual_seed(2)
    with torch.device("meta"):
        found = again()
    assert found.device.type == "cpu"
    assert torch.equal(found, wanted)
