"""The part of the page on pipelines about a GRU on visit codes, from benchmarks/visits.py."""

from __future__ import annotations

from typing import Any

__all__ = ["section"]

_PLAYERS = ("ours", "torch", "pyhealth", "ours_ten", "pyhealth_ten")
_PARTS = {"train": "training", "score": "scores"}
_BEGIN = """
## A GRU on visit codes, from samples in memory to weights and to scores

Patients a second of a processor; in brackets how many times faster Sequela is. torch's is the same
model in `EmbeddingBag` and `torch.nn.GRU`, in the same loop on the same batches of real lengths.
PyHealth's is its RNN (a GRU) in its own loop; it reads neither times nor sex and age. As it comes
it reads the last ten visits of a patient alone: the last two columns are both models on these, in
the columns before them all read all visits. Five times PyHealth's speed and twice torch's were
asked for: both are reached where all visits are read, PyHealth's five not on the last ten.

| samples | visits of each | | Sequela | `torch.nn.GRU` | PyHealth | last ten: Sequela | PyHealth |
|---|---|---|---|---|---|---|---|
"""


def section(result: dict[str, Any]) -> str:
    """The section, with a table of all cases.

    Args:
        result: what benchmarks/visits.py stored.
    """
    lines = []
    for case in result["cases"].values():
        visits = case["visits"]
        size = f"{visits['mean']} (median {visits['p50']}, at most {visits['p100']})"
        for part, words in _PARTS.items():
            rates, times = case["patients_per_second"][part], case["times"][part]
            begin = [case["data"], size] if part == "train" else ["", ""]
            cells = [_cell(name, rates, times) for name in _PLAYERS]
            lines.append(f"| {' | '.join([*begin, words, *cells])} |")
    sizes, machine = result["sizes"], result["machine"]
    lines += [
        "",
        f"Embedding and state of {sizes['hidden']}, batches of {sizes['batch']}, one thread of "
        f"{machine['processor']}, commit {result['commit']}; medians of {result['rounds']} "
        f"alternating runs, the load before the first was {result['load']}. "
        f"`{result['command']}` repeats it.",
    ]
    return _BEGIN + "\n".join(lines) + "\n"


def _cell(name: str, rates: dict[str, int], times: dict[str, float]) -> str:
    if name not in rates:
        return "–"
    faster = f" ({times[name]:.1f})" if name in times else ""
    return f"{rates[name]:,}{faster}"
