"""The pictures of the guides to speech, captions, moving images and forecasts, from kept models.

    python benchmarks/experiments.py speakers --keep models    # and canvas, oil_temperature ...
    python scripts/mapping_pictures.py speakers models/speakers-0-0 PATH

The model is that of a plan's first case and seed 0, or of ``sequela train NAME data=PATH`` (there
``runs/NAME/model``). Each picture shows rows of the held-out part of that run, the first ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from guide_pictures import _COLOURS, _STYLE, IMAGES
from matplotlib.figure import Figure

from sequela import bundle, experiments
from sequela.batches import RaggedSamples
from sequela.batches.pairs import TargetEncoder
from sequela.train.experiment import prepare
from sequela.train.predict import predict
from sequela.train.prepared import Prepared


def _saved(figure: Figure, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    where = IMAGES / f"guide-{name}.svg"
    figure.savefig(where, facecolor="white", metadata={"Date": None})
    print(where)


def speakers(model: Any, prepared: Prepared) -> None:
    """Each speaker's probability and the blank's over the frames: one heard right, one not."""
    part = prepared.parts["held_out"]
    names = ["?", *prepared.preparation["writer"]["tokens"]]
    batch = part.samples.batch(np.arange(len(part.samples)))
    chances, _ = model.log_chances(batch)
    tokens = model.hypotheses(batch).tokens[:, 0].tolist()
    heard = [" ".join(names[k] for k in row if k >= 0) for row in tokens]
    said = [text for (text,) in part.truth]
    four = [row for row, text in enumerate(said) if len(text.split()) == 4]
    rows = [
        next(row for row in four if (heard[row] == said[row]) is right) for right in (True, False)
    ]
    shown = [chances[: int(part.samples.lengths[row]), row].exp().numpy() for row in rows]
    seen = [k for k in range(len(names)) if max(one[:, k].max() for one in shown) > 0.2]
    figure = Figure(figsize=(6.6, 4), layout="constrained")
    for axes, row, one in zip(figure.subplots(2, 1), rows, shown, strict=True):
        axes.plot(one[:, -1], color="#9aa4ad", linestyle="--", linewidth=1, label="no label")
        for k in (k for k in seen if one[:, k].max() > 0.2):
            colour = _COLOURS[seen.index(k) % len(_COLOURS)]
            axes.plot(one[:, k], color=colour, label=f"speaker {names[k]}")
        axes.set(ylabel="probability", ylim=(0, 1.03))
        axes.set_title(f"heard: {heard[row]}      said: {said[row]}", fontsize=9, loc="left")
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_xlabel("frame")
    _saved(figure, "speakers")


def canvas(model: Any, prepared: Prepared) -> None:
    """Pictures with their sentences; below, where the model looked at its digits."""
    part = prepared.parts["held_out"]
    writer = TargetEncoder.from_dict(prepared.preparation["writer"])
    counts = [len(text.split()) // 3 for (text,) in part.truth]
    rows = np.array([counts.index(count) for count in (2, 3, 4)])
    batch = part.samples.batch(rows)
    tokens = model.hypotheses(batch).tokens[:, 0]
    maps = model.attention_map(batch, tokens)
    height = model.image.height
    pixels = part.samples.steps[part.samples.starts[rows]].reshape(len(rows), height, -1)
    figure = Figure(figsize=(6.6, 4.4), layout="constrained")
    axes = figure.subplots(2, len(rows))
    for place in range(len(rows)):
        words = writer.text(tokens[place].tolist()).split()
        said = ["\n" + " ".join(words[k : k + 3]) for k in range(0, len(words), 3)]
        looked = maps[place, 2 : len(words) : 3].sum(0).reshape(model.image.rows, -1)
        axes[0, place].imshow(pixels[place], cmap="gray_r")
        axes[0, place].set_title("".join(said).strip(), fontsize=8)
        axes[1, place].imshow(looked.numpy(), cmap="viridis")
        axes[1, place].set_title("attention while it names digits", fontsize=7)
        for one in axes[:, place]:
            one.set_axis_off()
    _saved(figure, "canvas")


def moving_digits(model: Any, prepared: Prepared) -> None:
    """Two clips, and below each frame what the model says when it has seen no more than that."""
    part, frames = prepared.parts["held_out"], 8
    samples, truth = part.samples, np.asarray(part.samples.target)
    lengths = np.diff([*samples.starts, len(samples.steps)])
    rows = [int(np.argmax((lengths == frames) & (truth == k))) for k in (0, 2)]
    figure = Figure(figsize=(6.6, 4.4), layout="constrained")
    axes = figure.add_gridspec(4, frames, height_ratios=(1, 1.3, 1, 1.3))
    for place, row in enumerate(rows):
        steps = samples.steps[samples.starts[row] :][:frames]
        begun = [steps[: seen + 1] for seen in range(frames)]
        ends = np.cumsum([0, *map(len, begun)])
        batch = RaggedSamples.from_flat(np.concatenate(begun), ends).batch(np.arange(frames))
        chances = torch.softmax(model(batch), dim=1).numpy()
        for number, frame in enumerate(steps):
            shown = figure.add_subplot(axes[2 * place, number])
            shown.imshow(frame.reshape(model.image.height, -1), cmap="gray_r")
            shown.set(xticks=[], yticks=[])
            shown.grid(False)
            shown.spines[:].set(visible=True, color="#9aa4ad")
        below = figure.add_subplot(axes[2 * place + 1, :])
        for k, name in enumerate(prepared.classes):
            below.plot(chances[:, k], "o-", markersize=3, color=_COLOURS[k], label=name)
        below.set(xlim=(-0.5, frames - 0.5), ylim=(-0.05, 1.05), ylabel="probability")
        below.set_xticks(range(frames), [str(number + 1) for number in range(frames)])
    below.set_xlabel("frames that were seen")
    below.legend(ncols=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.42))
    _saved(figure, "moving_digits")


def oil_temperature(model: Any, prepared: Prepared, shift: Any, kind: str) -> None:
    """What came, and the quantiles of a day from four origins, a day apart."""
    part, outcome = prepared.parts["held_out"], prepared.asked
    said = outcome.restored(predict(model, part.samples, logit_shift=shift, kind=kind))
    figure = Figure(figsize=(6.6, 2.8), layout="constrained")
    axes, truth = figure.add_subplot(), np.asarray(part.truth)
    origins = range(0, 4 * truth.shape[1], truth.shape[1])
    hours = np.arange(1, truth.shape[1] + 1)
    low, middle, high = (0, len(outcome.levels) // 2, len(outcome.levels) - 1)
    for number, origin in enumerate(origins):
        told = said[origin]
        label = "forecast" if number == 0 else None
        axes.fill_between(
            origin + hours, told[:, low], told[:, high], color=_COLOURS[0], alpha=0.2, linewidth=0
        )
        axes.plot(origin + hours, told[:, middle], color=_COLOURS[0], label=label)
        axes.plot(
            origin + hours,
            truth[origin],
            "o",
            color=_COLOURS[1],
            markersize=3,
            label="came" if number == 0 else None,
        )
        axes.axvline(origin + 0.5, color="#9aa4ad", linewidth=0.8, linestyle="--")
    ends = f"{100 * outcome.levels[low]:g} to {100 * outcome.levels[high]:g} %"
    axes.set(xlabel="hours from the first held-out origin", ylabel="oil temperature, °C")
    axes.set_title(f"a day from each dashed line; shaded: {ends}", fontsize=9, loc="left")
    axes.legend(fontsize=8)
    _saved(figure, "oil_temperature")


PICTURES: dict[str, Callable[..., None]] = {
    "speakers": speakers,
    "canvas": canvas,
    "moving_digits": moving_digits,
    "oil_temperature": oil_temperature,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Draws the picture of a guide.")
    parser.add_argument("name", choices=sorted(PICTURES))
    parser.add_argument("model", type=Path, help="a finished model of that experiment")
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    prepared = prepare(experiments.load(given.name, [f"data={given.data}"]))
    loaded = bundle.load(given.model)
    more = (loaded.logit_shift, loaded.kind) if given.name == "oil_temperature" else ()
    with matplotlib.rc_context(_STYLE), torch.no_grad():
        PICTURES[given.name](loaded.model.eval(), prepared, *more)


if __name__ == "__main__":
    main()
