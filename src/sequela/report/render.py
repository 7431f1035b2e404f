"""Writing report.html: the template filled from what a run wrote."""

from __future__ import annotations

import importlib.util
from importlib import resources
from pathlib import Path

from sequela import __version__
from sequela.errors import MissingDependencyError, install_line
from sequela.files import atomic_write
from sequela.report.record import read_run
from sequela.report.view import build_view

__all__ = ["render"]


def _require_extras() -> None:
    missing = [name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            "the report",
            got=f"{' and '.join(missing)} not installed",
            todo=f"Run: {install_line('report')}",
        )


def render(run_directory: Path | str) -> Path:
    """Writes ``report.html`` into a run's folder, from the files there and nothing else.

    One file without script, links or pictures outside it: it can be sent, kept and printed, and
    opens without a network. The same run gives the same bytes.

    Args:
        run_directory: what ``sequela train`` made. Parts that a run does not have (attrition of a
            signal task, subgroups, learning curves) are left out.

    Returns:
        The path of the report.

    Raises:
        DataError: a file of the run is missing or damaged; the message names it.
        MissingDependencyError: jinja2 or matplotlib is absent; the message holds the install line.
        OutputError: the report cannot be written.
    """
    _require_extras()
    import jinja2

    record = read_run(run_directory)
    files = resources.files("sequela.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(files.joinpath("template.html").read_text("utf-8"))
    style = files.joinpath("style.css").read_text("utf-8")
    page = template.render(**build_view(record), style=style, version=__version__)
    return atomic_write(record.folder / "report.html", page)
