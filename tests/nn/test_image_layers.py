"""Small images through two convolutions: torch's own, and each image for itself."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from sequela.errors import ConfigError
from sequela.nn.image_layers import ImageLayers


@pytest.mark.parametrize("halved", [0, 1, 2])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7), (1, 3)])
def test_as_torch_has_it(height, width, halved):
    torch.manual_seed(0)
    layers = ImageLayers(height, width, 3, halved).double()
    images = torch.randn(4, height * width, dtype=torch.float64)
    x = images.view(4, 1, height, width)
    for number, layer in enumerate((layers.first, layers.second)):
        channels = x.shape[1]
        # The neighbourhood's places are the outer axis of our weights, the channels the inner one.
        weight = layer.weight.view(-1, 3, 3, channels).permute(0, 3, 1, 2)
        x = functional.relu(functional.conv2d(x, weight, layer.bias, padding=1))
        x = functional.max_pool2d(x, 2, ceil_mode=True) if number < halved else x
    assert (layers.rows, layers.columns, layers.filters) == (x.shape[2], x.shape[3], 6)
    torch.testing.assert_close(layers(images), x.permute(0, 2, 3, 1).flatten(1, 2))


def test_gradients_and_nothing_at_all():
    layers = ImageLayers(4, 6, 2).double()
    given = torch.randn(2, 24, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layers, (given,), fast_mode=True)
    assert layers(given[:0]).shape == (0, layers.cells, 4)
    with pytest.raises(ConfigError, match="at least 1"):
        ImageLayers(0, 2, 2)
    with pytest.raises(ConfigError, match="'halved': got 3, wanted 0, 1 or 2"):
        ImageLayers(4, 4, 2, halved=3)
