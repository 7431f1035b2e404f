"""The verbs, their arguments and their help; the work stands in one file per verb.

Nothing heavy is imported here, so that ``sequela --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from sequela import __version__
from sequela.cli import deid_options
from sequela.errors import CohortError, ConfigError, Interrupted, SequelaError

__all__ = ["app", "main"]

app = typer.Typer(
    name="sequela",
    help="Recurrent networks for clinical sequences: from raw records to a checked model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    # Rich tracebacks print local variables, and those hold patients' values.
    pretty_exceptions_enable=False,
)

_STOPPED = 130

_Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Settings, e.g. data=records seed=1 training.epochs=5; KEY= takes one out.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sequela {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command("demo")
def _demo(
    out: Annotated[
        Path, typer.Option(help="The run folder; an old demo there is replaced.")
    ] = Path("runs/demo"),
    subjects: Annotated[
        int | None, typer.Option(min=500, help="Simulated patients; 80,000 without it.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of simulation and training.")] = 0,
) -> None:
    """Simulate patients, train a GRU on them, judge it, write the report."""
    from sequela.cli.demo import run

    run(out, subjects=subjects, seed=seed)


@app.command("train")
def _train(
    experiment: Annotated[str, typer.Argument(help="A built-in experiment or a YAML file.")],
    words: _Words = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in out=...")] = False,
) -> None:
    """Run an experiment, from raw data to report.

    For example: sequela train heart_failure data=PATH out=runs/mine
    """
    from sequela.cli.train import run

    run(experiment, words or [], resume=resume)


@app.command("label")
def _label(
    task: Annotated[str, typer.Argument(help="A task of 'sequela list', or a YAML file.")],
    words: _Words = None,
    json: _Json = False,
) -> None:
    """Find and label the samples of a task.

    For example: sequela label mortality source=mimic4 data=PATH task.after=24h out=DIR
    """
    from sequela.cli.label import run

    run(task, words or [], as_json=json)


@app.command("evaluate")
def _evaluate(
    model: Annotated[Path, typer.Argument(help="A model folder, e.g. runs/x/model.")],
    words: _Words = None,
    json: _Json = False,
) -> None:
    """Judge a model on data with labels.

    task.KEY=VALUE asks at other times, or of others, than in training.
    For example: sequela evaluate runs/mine/model data=PATH
    """
    from sequela.cli.evaluate import run

    run(model, words or [], as_json=json)


@app.command("predict")
def _predict(
    model: Annotated[Path, typer.Argument(help="A model folder, e.g. runs/x/model.")],
    words: _Words = None,
) -> None:
    """Write a model's scores for a data set.

    For example: sequela predict runs/mine/model data=PATH out=scores.parquet
    The risk at each visit: task.index.rule=visits task.index.days=0
    """
    from sequela.cli.predict import run

    run(model, words or [])


@app.command("write")
def _write(
    model: Annotated[Path, typer.Argument(help="A model folder, e.g. runs/x/model.")],
    prompt: Annotated[str, typer.Argument(metavar="[TEXT]", help="What it reads first.")] = "",
    length: Annotated[int, typer.Option(min=1, help="Characters to write.")] = 500,
    temperature: Annotated[
        float, typer.Option(min=0, help="Below 1 nearer to the most probable.")
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Only the so many most probable characters.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same text.")] = 0,
    picture: Annotated[
        Path | None, typer.Option("--map", help="An SVG of what a translator looked at.")
    ] = None,
) -> None:
    """Let a model write: a text of its own, or another one from TEXT.

    For example: sequela write runs/shakespeare/model "ROMEO:" --temperature 0.7 --seed 1
    A translator: sequela write runs/translation/model "A dog runs." --map map.svg
    """
    from sequela.cli.write import run

    run(
        model,
        prompt,
        length=length,
        temperature=temperature,
        top_k=top_k,
        seed=seed,
        picture=picture,
    )


@app.command("transfer")
def _transfer(
    model: Annotated[Path, typer.Argument(help="A model folder, e.g. runs/x/model.")],
    words: _Words = None,
) -> None:
    """Train a model further at another institution, beside one from scratch.

    For example: sequela transfer runs/mine/model data=PATH map=codes.csv out=runs/theirs
    """
    from sequela.cli.transfer import run

    run(model, words or [])


@app.command("report")
def _report(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
) -> None:
    """Write the HTML report of a run again."""
    from sequela.cli.report import run

    run(run_folder)


@app.command("simulate")
def _simulate(
    out: Annotated[Path, typer.Argument(help="The new MEDS folder.")],
    subjects: Annotated[int, typer.Option(min=1, help="Number of patients.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    institution: Annotated[
        str, typer.Option(help="first, or second: sicker patients, other codes.")
    ] = "first",
    stays: Annotated[
        bool, typer.Option("--stays", help="Hospital stays and their prescriptions instead.")
    ] = False,
    visits: Annotated[
        bool, typer.Option("--visits", help="Visits, each foretold in probability, instead.")
    ] = False,
) -> None:
    """Write a simulated cohort whose true risk, or true next visits, are known."""
    from sequela.cli.simulate import run

    run(out, subjects=subjects, seed=seed, institution=institution, stays=stays, visits=visits)


@app.command("ingest")
def _ingest(
    source: Annotated[str, typer.Argument(help="Which reader; see 'sequela list'.")],
    path: Annotated[Path, typer.Argument(help="The raw data.")],
    words: _Words = None,
    out: Annotated[Path, typer.Option(help="The new MEDS folder.")] = Path("meds"),
    processes: Annotated[int, typer.Option(min=1, help="How many work at once.")] = 1,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of an older folder.")
    ] = False,
    parts: Annotated[
        bool, typer.Option("--parts", help="Also deal subjects to parts: 70, 15 and 15 in 100.")
    ] = False,
    keep_ids: Annotated[
        bool, typer.Option("--keep-ids", help="Also write which number is whose text id.")
    ] = False,
    json: _Json = False,
) -> None:
    """Write raw tables as MEDS.

    Goes on where it was when started again after a kill; does nothing when the input is the same.
    For example: sequela ingest mimic4 PATH --out meds
    """
    from sequela.cli.ingest import run

    run(
        source,
        path,
        out,
        words or [],
        processes=processes,
        replace=replace,
        keep_ids=keep_ids,
        parts=parts,
        as_json=json,
    )


@app.command("deid")
def _deid(
    path: deid_options.Notes,
    words: _Words = None,
    out: deid_options.Out = Path("clean"),
    mode: deid_options.Mode = "tag",
    safe_harbor: deid_options.SafeHarbor = False,
    names: deid_options.NameList = None,
    source: deid_options.Source = None,
    form: deid_options.Form = None,
    key: deid_options.Key = None,
    day_first: deid_options.DayFirst = False,
    keep_ids: deid_options.KeepIds = False,
    keep_originals: deid_options.KeepOriginals = False,
    model: deid_options.Model = None,
    recall_target: deid_options.RecallTarget = None,
    tuning: deid_options.Tuning = None,
    tuning_source: deid_options.TuningSource = None,
    review: deid_options.Review = False,
    processes: deid_options.Processes = 1,
    json: _Json = False,
) -> None:
    """Remove what identifies patients from notes.

    Goes on where it was when started again after a kill. Rules alone find no names.
    For example: sequela deid notes --out clean --names patients.txt
    """
    from sequela.cli.deid import run
    from sequela.deid.run import Settings

    settings = Settings(
        mode=mode,
        safe_harbor=safe_harbor,
        day_first=day_first,
        keep_ids=keep_ids,
        keep_originals=keep_originals,
    )
    run(
        path,
        out,
        words or [],
        settings,
        source=source,
        form=form,
        names=names,
        key=key,
        processes=processes,
        model=model,
        recall_target=recall_target,
        tuning=tuning,
        tuning_source=tuning_source,
        review=review,
        as_json=json,
    )


@app.command("inspect")
def _inspect(
    path: Annotated[Path, typer.Argument(help="A data set.")],
    words: _Words = None,
    source: Annotated[str, typer.Option(help="Which reader; see 'sequela list'.")] = "meds",
    json: _Json = False,
) -> None:
    """Say what is in a data set.

    Subjects, events, codes, lengths, gaps, classes; never a value of one subject.
    """
    from sequela.cli.inspect import run

    run(path, source, words or [], as_json=json)


@app.command("check")
def _check(
    task: Annotated[str, typer.Argument(help="A task or an experiment; see 'sequela list'.")],
    data: Annotated[Path, typer.Argument(help="A data set.")],
    words: _Words = None,
    strict: Annotated[bool, typer.Option("--strict", help="Suspects count as failures.")] = False,
    out: Annotated[Path | None, typer.Option(help="A JSON file for what is found.")] = None,
) -> None:
    """Say whether anything leaks in a task on a data set; exit status 1 if so.

    For example: sequela check onset PATH task.outcome=hypertension source=synthea
    """
    from sequela.cli.check import run

    raise typer.Exit(run(task, data, words or [], strict=strict, out=out))


@app.command("doctor")
def _doctor(json: _Json = False) -> None:
    """Say what is installed, chosen and promised here."""
    from sequela.cli.doctor import run

    run(as_json=json)


@app.command("list")
def _list(json: _Json = False) -> None:
    """List experiments, tasks, sources and recipes."""
    from sequela.cli.list import run

    run(as_json=json)


@app.command("fetch")
def _fetch(
    name: Annotated[
        str | None, typer.Argument(help="A data set; without it all are listed.")
    ] = None,
) -> None:
    """Download a public data set.

    The only verb that uses the network. Without a name, lists what there is.
    """
    from sequela.cli.fetch import run

    run(name)


def _unexpected(error: BaseException) -> str:
    # The text of a foreign exception may quote a cell of the user's data, so only its kind and
    # its place are shown.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return (
        f"internal error: {type(error).__name__}{place}. This is a fault of Sequela; "
        "SEQUELA_TRACEBACK=1 shows all of it (it may then show values of your data)."
    )


def _show_attrition(steps: Sequence[Mapping[str, object]]) -> None:
    """Who was left out at which step, one line each; the error itself stays one line."""
    columns = ("subjects", "samples", "excluded")
    print("".join(f"{name:>10}" for name in columns) + "  step")
    for step in steps:
        counts = (step.get(name) for name in columns)
        line = "".join(f"{'-' if count is None else count:>10}" for count in counts)
        print(f"{line}  {step['step']}")


def _status(error: SequelaError) -> int:
    if isinstance(error, ConfigError):
        return 2
    return _STOPPED if isinstance(error, Interrupted) else 1


def main() -> None:
    """The entry point: one line for each error, exit status 2 for settings, 1 for the rest."""
    debug = os.environ.get("SEQUELA_TRACEBACK") == "1"
    try:
        app()
    except SequelaError as error:
        if debug:
            raise
        if isinstance(error, CohortError) and error.attrition:
            _show_attrition(error.attrition)
        print(f"sequela: {error}", file=sys.stderr)
        sys.exit(_status(error))
    except (KeyboardInterrupt, SystemExit) as stop:
        # Typer makes a silent exit of most interruptions.
        if isinstance(stop, SystemExit) and stop.code != _STOPPED:
            raise
        print("sequela: stopped", file=sys.stderr)
        sys.exit(_STOPPED)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has left; that is no error, and nothing more is sent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        print(
            "sequela: out of memory. Use a smaller batch_size or fewer subjects.", file=sys.stderr
        )
        sys.exit(1)
    except BaseException as error:
        # A panic of polars is no Exception, and its text may quote data like any other's.
        panic = type(error).__name__ == "PanicException"
        if debug or not (panic or isinstance(error, Exception)):
            raise
        print(f"sequela: {_unexpected(error)}", file=sys.stderr)
        sys.exit(1)
