"""The output of commands: a table for people, or one JSON object with `--json`; an error is one sentence and exit code 1."""

import json
import math
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from core import wording
from core.errors import StudyError
from core.reports import Report, Teller

if TYPE_CHECKING:
    from core.settings import Settings
    from core.study.store import Store

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
StudyName = Annotated[str | None, typer.Option("--study", help="The study; needed only when several have the task.")]


@contextmanager
def answering() -> Iterator[None]:
    """Turn a `StudyError` into one sentence on stderr and exit code 1."""
    try:
        yield
    except StudyError as error:
        print(printable(str(error)), file=sys.stderr)
        raise SystemExit(1) from error


def typed(context: typer.Context, *but: str) -> list[str]:
    """The names of the options that a person typed for this command, without those named `but`."""
    given = [
        name for name in context.params if str(getattr(context.get_parameter_source(name), "name", "")) == "COMMANDLINE"
    ]
    return [f"--{name.replace('_', '-')}" for name in given if name not in but]


def printable(text: str) -> str:
    """Text without control characters, which could clear the terminal or set its title; tabs and new lines stay."""
    return "".join(letter for letter in text if letter in "\n\t" or unicodedata.category(letter) != "Cc")


@contextmanager
def opened() -> Iterator[tuple["Settings", "Store"]]:
    """Open the settings and the store of a command; a `StudyError` inside the block ends the command with its sentence."""
    from sqlalchemy.exc import SQLAlchemyError  # commands on files do not need the database

    from core import settings as settings_module
    from core.study import store as store_module

    with answering():
        settings = settings_module.load()
        store = store_module.open_store(settings)
        try:
            yield settings, store
        except SQLAlchemyError as error:
            if isinstance(error, StudyError):
                raise
            raise StudyError(
                f"The database refused this step ({type(error).__name__}). `litmus doctor` says whether the home is sound."
            ) from error
        finally:
            store.close()


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Show a progress bar on stderr; the block gets the report that moves the bar."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:g}/{task.total:g}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)  # no bar where it would leave an empty line in a log
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        line = bar.add_task(title, total=1)

        def report(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
            numbers = " ".join(f"{name} {value:.3g}" for name, value in extra.items())
            bar.update(line, completed=done, total=total, description=f"{title}  {message} {numbers}".strip())

        yield report


def telling(store: "Store", bar: Report) -> Report:
    """Return a report to the terminal's bar `bar` and, inside a job, to the row of the job.

    Only the row gets the further numbers. A part of a call that a model does not take is named once on stderr.
    """
    from core.jobs import progress as job_progress

    row = job_progress.reporter(store)
    said: set[str] = set()

    def tell(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
        row(job_progress.Progress(done=done, total=total, message=message, extra=extra))
        bar(done, total, message, {})
        for part in dict.fromkeys(extra.get("not_taken", ())):
            if part not in said:
                print(f"Not taken by the model, so its calls go without: {part}.", file=sys.stderr)
            said.add(part)

    return tell


def teller(store: "Store") -> Teller:
    """Return a teller that shows bars on stderr and in the row of the job, and sentences on stderr."""

    @contextmanager
    def bar(title: str) -> Iterator[Report]:
        with progress(title) as drawn:
            yield telling(store, drawn)

    return Teller(bar=bar, say=lambda sentence: print(printable(sentence), file=sys.stderr))


def queued(job_id: int, *, as_json: bool) -> None:
    """Print the number of a queued job."""
    if as_json:
        emit({"job": job_id})
    else:
        print(f"Job {job_id} is queued. 'python -m core jobs' shows how far it is.")


def emit(data: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout; numbers that are not finite become null."""
    print(json.dumps(finite(data), ensure_ascii=False, indent=2, default=str))


def finite(value: Any) -> Any:
    """Return a value with nan and infinite numbers replaced by None, at every depth."""
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table for people on stdout, with numbers right-aligned."""
    drawn = Table(title=Text(title), title_justify="left", header_style="bold")
    for place, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float | None) for row in rows)
        drawn.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(shown(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else 110).print(drawn)


def shown(value: Any) -> str:
    """Return the text of a cell: three decimals for a number, a dash for None and nan."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.2g}" if 0 < abs(value) < 0.0005 else f"{value:.3f}"
    return str(value)


def listed(counted: dict[str, int]) -> str:
    """Return counts by name on one line; after twenty of them the number of the others."""
    return wording.listed(f"{name} {count}" for name, count in counted.items())
