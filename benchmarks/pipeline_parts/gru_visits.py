"""A GRU on visit codes, from samples in memory to trained weights and to scores: ours and torch's.

The samples are a file of flat arrays, which `benchmarks/visits.py` writes; its keys are those of
``sequela.batches.RaggedSamples``. The torch model is the same one in torch's own layers: an
``EmbeddingBag``, ``torch.nn.GRU`` over the packed steps, and a linear layer. It is trained by the
same loop on the same batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

__all__ = ["TorchGRU", "samples_of", "score", "train"]

Work = Callable[[], dict[str, Any]]


class TorchGRU(nn.Module):
    """The recipe `onset_gru` in torch's layers.

    Args:
        vocabulary_size: V.
        step_size: F.
        static_size: S.
        embedding_size: the width of a code's vector.
        hidden_size: H.
    """

    def __init__(
        self,
        vocabulary_size: int,
        step_size: int,
        static_size: int,
        embedding_size: int,
        hidden_size: int,
    ) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary_size, embedding_size, mode="sum")
        self.recurrent = nn.GRU(embedding_size + step_size, hidden_size)
        self.output = nn.Linear(hidden_size + static_size, 1)

    def forward(self, batch: Any) -> torch.Tensor:
        """Logits ``[B]``; no row may be without a step, which torch's layers can not say."""
        codes = self.embedding(batch.codes, batch.code_offsets)
        steps = batch.steps
        x = PackedSequence(
            torch.cat([codes, steps.data], dim=1),
            steps.batch_sizes,
            steps.sorted_indices,
            steps.unsorted_indices,
        )
        last = self.recurrent(x)[1][0]
        return self.output(torch.cat([last, batch.static], dim=1)).squeeze(1)


def samples_of(path: str, visits: int | None = None) -> Any:
    """The samples of the file; of each the last ``visits`` alone where a number is given."""
    from sequela.batches import RaggedSamples

    with np.load(path, allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    size = int(arrays.pop("vocabulary_size"))
    samples = RaggedSamples.from_flat(**arrays, vocabulary_size=size)
    if visits is None:
        return samples
    kept = np.minimum(samples.lengths, visits)
    return replace(samples, starts=samples.starts + samples.lengths - kept, lengths=kept)


def _model(kind: str, samples: Any, embedding: int, hidden: int) -> nn.Module:
    from sequela import recipes

    sizes = {
        "vocabulary_size": samples.vocabulary_size,
        "step_size": samples.step_size,
        "static_size": samples.static_size,
        "embedding_size": embedding,
        "hidden_size": hidden,
    }
    torch.manual_seed(0)
    return TorchGRU(**sizes) if kind == "torch" else recipes.build("onset_gru", **sizes)


def train(
    path: str,
    kind: str,
    embedding: int,
    hidden: int,
    batch: int,
    epochs: int,
    visits: int | None = None,
) -> Work:
    """Epochs of training by ``sequela.train.fit``, nothing kept on disk.

    Args:
        path: of the samples.
        kind: "ours" or "torch".
        embedding: the width of a code's vector.
        hidden: H.
        batch: patients of a step.
        epochs: how many.
        visits: of each patient, the last ones; all of them by default.
    """
    from sequela.train import TrainingSettings, fit

    samples = samples_of(path, visits)
    model = _model(kind, samples, embedding, hidden)
    # The loop judges each epoch on a tuning part; a handful of patients costs nothing. It is asked
    # for the loss, since the handful may have one class alone.
    tuning = samples.subset(np.arange(min(8, len(samples))))
    settings = TrainingSettings(
        epochs=epochs,
        batch_size=batch,
        patience=None,
        metric="loss",
        threads=1,
        progress=False,
    )

    def work() -> dict[str, Any]:
        history = fit(model, samples, tuning, settings)
        return {
            "patients": len(samples) * epochs,
            "visits": int(samples.lengths.sum()) * epochs,
            "loss": history.epochs[-1]["train_loss"],
        }

    return work


def score(
    path: str,
    kind: str,
    embedding: int,
    hidden: int,
    batch: int,
    epochs: int,
    visits: int | None = None,
) -> Work:
    """The scores of all samples, ``epochs`` times; arguments as of :func:`train`."""
    from sequela.train.predict import predict

    samples = samples_of(path, visits)
    model = _model(kind, samples, embedding, hidden)
    torch.set_num_threads(1)

    def work() -> dict[str, Any]:
        for _ in range(epochs):
            found = predict(model, samples, batch)
        assert len(found) == len(samples)
        return {"patients": len(samples) * epochs, "visits": int(samples.lengths.sum()) * epochs}

    return work


def lists_of(path: str, out: Path) -> None:
    """The same samples as PyHealth takes them: lists of lists of words, in JSON."""
    import json

    samples = samples_of(path)
    rows = []
    for number, (start, length) in enumerate(zip(samples.starts, samples.lengths, strict=True)):
        steps = range(int(start), int(start + length))
        ends = samples.code_offsets
        visits = [[f"c{code}" for code in samples.codes[ends[s] : ends[s + 1]]] for s in steps]
        row = {"patient_id": f"p{number}", "visit_id": f"v{number}", "codes": visits}
        rows.append({**row, "label": int(samples.target[number])})
    out.write_text(json.dumps(rows))
