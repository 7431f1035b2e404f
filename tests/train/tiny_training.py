"""A tiny model and tiny data for the tests of training."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sequela.batches import Batch, RaggedSamples, from_lists


class TinyModel(nn.Module):
    """A GRU over the steps, dropout, and a linear layer; every length is at least 1."""

    def __init__(self, features: int = 2, hidden: int = 8, classes: int = 1, dropout: float = 0.2):
        super().__init__()
        self.classes = classes
        self.gru = nn.GRU(features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, classes)

    def forward(self, batch: Batch) -> Tensor:
        _, last = self.gru(batch.steps)
        logits = self.head(self.dropout(last[0]))
        return logits[:, 0] if self.classes == 1 else logits


class NotFinite(nn.Module):
    """Linear in the mean of the steps; its output stops being finite after some calls."""

    def __init__(self, good_steps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.left = good_steps

    def forward(self, batch: Batch) -> Tensor:
        if self.training:
            self.left -= 1
        steps: PackedSequence = batch.steps
        first = steps.data[: len(batch)][steps.unsorted_indices]
        return first @ self.weight + (float("nan") if self.left < 0 else 0.0)


def tiny_model(**options) -> TinyModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return TinyModel(**options)


def tiny_samples(count: int = 60, seed: int = 0, kind: str = "binary", rare: float = 0.5):
    """Sequences whose first channel is shifted by their class."""
    random = np.random.default_rng(seed)
    if kind == "multiclass":
        target = np.arange(count) % 3
    else:
        target = np.arange(count) < max(1, round(count * rare))
        random.shuffle(target)
    lengths = random.integers(1, 9, count)
    sequences = [
        random.normal(size=(length, 2)) + [float(label), 0.0]
        for length, label in zip(lengths, target, strict=True)
    ]
    if kind == "regression":
        target = np.array([sequence[:, 0].mean() for sequence in sequences], dtype=np.float32)
    samples = from_lists(sequences, target=target)
    assert isinstance(samples, RaggedSamples)
    return samples


def weights_digest(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def metrics_without_seconds(directory: Path) -> list[str]:
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    return [line[: line.rindex('"seconds"')] for line in lines]
