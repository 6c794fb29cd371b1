"""The command near-duplicates: near-duplicates of real test texts in other real splits, and moving whole groups to one side."""

import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from core.commands import output
from core.errors import StudyError
from core.steps import find
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.splits import across, duplicates, regrouping

MOST_SHOWN = 10


class Side(StrEnum):
    """The side that whole groups go to."""

    TEST = "test"
    TRAIN = "train"


def register(app: typer.Typer) -> None:
    """Add the command near-duplicates to the program."""
    app.command("near-duplicates")(near_duplicates)


def near_duplicates(
    task: Annotated[str, typer.Option("--task")],
    threshold: Annotated[
        float, typer.Option(min=0.3, max=1, help="The Jaccard similarity from which on texts are near-duplicates.")
    ] = duplicates.THRESHOLD,
    move_to: Annotated[
        Side | None, typer.Option("--move-to", help="Move every group on both sides whole to this side, recorded.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Move the texts of the newest move back.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Find real test texts with a near-duplicate in another real split; on request move whole groups to one side."""
    if undo and move_to:
        raise typer.BadParameter("Give --move-to or --undo, not both.")
    with output.opened() as (_settings, store):
        with store.write() as session:
            home = find.find_study(session, study, task)
            found_task = tasks.get_task(session, home.id, task)
            changed = ""
            if move_to is not None:
                changed = regrouping.words(regrouping.regroup(session, found_task, Split(move_to), threshold=threshold))
            if undo:
                moves = regrouping.standing(session, found_task.id)
                if not moves:
                    raise StudyError(f"Task {task!r} has no move of near-duplicates that could be undone.")
                changed = regrouping.moved_back(regrouping.undo(session, moves[0].id, now=time.time()))
        with store() as session:
            found = across.across(session, found_task.id, threshold=threshold)
            standing = [regrouping.words(made) for made in regrouping.standing(session, found_task.id)]
    _show(found, changed=changed, moves=standing, as_json=as_json)


def _show(found: across.Across, *, changed: str, moves: list[str], as_json: bool) -> None:
    said = across.reading(found)
    if as_json:
        pairs: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in found.pairs.to_dict("records")]
        output.emit(
            {
                "test_texts": found.n_test,
                "near": len(found.tested),
                "share": found.share.value,
                "low": found.share.low,
                "high": found.share.high,
                "pairs": pairs,
                "moves": moves,
                "changed": changed,
                "reading": said,
            }
        )
        return
    for sentence in filter(None, (changed, said)):
        typer.echo(sentence)
    shown = found.pairs.head(MOST_SHOWN)
    if len(shown):
        title = "The most similar pairs" + (
            f" ({len(shown)} of {len(found.pairs):,})" if len(found.pairs) > len(shown) else ""
        )
        output.table(
            title,
            ["test text", "other text", "split", "similarity"],
            shown[["test_text", "other_text", "split", "similarity"]].values.tolist(),
        )
    for move in moves:
        typer.echo(f"- {move}")
