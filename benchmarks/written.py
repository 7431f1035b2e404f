"""What trained models write, for the guide of texts: text of their own, and answers with maps.

    python benchmarks/experiments.py shakespeare translation --keep FOLDER
    python benchmarks/written.py FOLDER

Writes benchmarks/results/written.json, from which `make docs` draws the attention map. The
sentences are made up here: no data set's text is stored.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from sequela.files import atomic_write
from sequela.train.from_pairs import answered
from sequela.train.from_streams import written
from sequela.train.provenance import commit, machine, versions

RESULT = Path(__file__).parent / "results" / "written.json"
PROMPT: dict[str, Any] = {
    "prompt": "ROMEO:",
    "length": 400,
    "temperature": 0.7,
    "top_k": 20,
    "seed": 1,
}
SENTENCES = (
    "A man in a red shirt is riding a bicycle down the street.",
    "Two children play with a dog on the beach.",
    "A woman is reading a book in the park.",
    "Three cooks repair a violin under the bridge.",
)


def one(model: Path, text: str) -> dict[str, Any]:
    """An answer, ready for JSON; shares to three places."""
    found = answered(model, text)
    shares = np.round(found.attention, 3).tolist()
    return {
        "text": text,
        "written": found.text,
        "read": found.read,
        "tokens": found.tokens,
        "attention": shares,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What trained models write.")
    parser.add_argument("folder", type=Path, help="of models kept by experiments.py")
    folder = parser.parse_args().folder
    stream, pairs = folder / "shakespeare-0-0", folder / "translation-0-0"
    result: dict[str, Any] = {
        "shape": "written 1",
        "command": "python benchmarks/written.py FOLDER",
        "pairs": [one(pairs, text) for text in SENTENCES],
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    if stream.exists():
        result["stream"] = {**PROMPT, "written": written(stream, **PROMPT)}
    atomic_write(RESULT, json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
