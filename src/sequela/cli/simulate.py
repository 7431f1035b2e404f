"""`sequela simulate`: a cohort whose truth is known."""

from __future__ import annotations

from pathlib import Path

__all__ = ["run"]


def run(
    out: Path,
    *,
    subjects: int,
    seed: int,
    institution: str = "first",
    stays: bool = False,
    visits: bool = False,
) -> None:
    """Writes the data set and says what is in it and what to type next."""
    from sequela import simulate
    from sequela.errors import ConfigError

    if (institution != "first") + stays + visits > 1:
        raise ConfigError("options of simulate", got="several kinds of cohort", wanted="one")
    if stays:
        data = simulate.prescriptions(out, subjects=subjects, seed=seed)
        next_ = f"sequela train prescription source=meds data={out} out=runs/mine"
    elif visits:
        data = simulate.visits(out, subjects=subjects, seed=seed)
        next_ = f"sequela train next_visit source=meds data={out} out=runs/mine"
    else:
        data = simulate.cohort(out, subjects=subjects, seed=seed, institution=institution)
        next_ = f"sequela train heart_failure data={out} out=runs/mine"
    events = sum(shard.height for shard in data.shards())
    print(f"{subjects:,} patients with {events:,} events in {out}")
    print(f"next: sequela inspect {out}; {next_}")
