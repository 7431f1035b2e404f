"""`sequela simulate`: a cohort whose true risk is known."""

from __future__ import annotations

from pathlib import Path

__all__ = ["run"]


def run(out: Path, *, subjects: int, seed: int, institution: str = "first") -> None:
    """Writes the data set and says what is in it and what to type next."""
    from sequela import simulate

    data = simulate.cohort(out, subjects=subjects, seed=seed, institution=institution)
    events = sum(shard.height for shard in data.shards())
    print(f"{subjects:,} patients with {events:,} events in {out}")
    print(f"next: sequela inspect {out}; sequela train heart_failure data={out} out=runs/mine")
