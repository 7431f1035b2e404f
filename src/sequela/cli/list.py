"""`sequela list`: the built-in experiments, tasks, sources and recipes."""

from __future__ import annotations

import json

from sequela import experiments, sources, tasks

__all__ = ["contents", "run"]


def contents() -> dict[str, list[str]]:
    """The names of everything built in, by kind."""
    from sequela import recipes

    return {
        "experiments": experiments.names(),
        "tasks": tasks.names(),
        "sources": sources.names(),
        "recipes": recipes.names(),
    }


def run(*, as_json: bool) -> None:
    """Prints the names, one kind after the other."""
    found = contents()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    titles = {name: experiments.load(name).title for name in found["experiments"]}
    for kind, names in found.items():
        print(kind)
        for name in names:
            print(f"  {name:18}{titles[name] if kind == 'experiments' else ''}".rstrip())
