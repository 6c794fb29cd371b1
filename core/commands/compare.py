"""The command compare: the arms of a task compared with intervals, equivalence, classes, worth, costs and stability"""

from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core.analysis.arms import classes, compared, costs, differences, sentences, sizes, stability, trained
from core.analysis.arms.compared import Asked, Compared
from core.analysis.points import METRIC_NAMES, Metric
from core.commands import output
from core.quality import measures
from core.settings import Settings
from core.steps import find
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Task


def register(app: typer.Typer) -> None:
    """Add the command compare to the program."""
    app.command("compare")(compare)


def compare(
    task: Annotated[str, typer.Option("--task")],
    arms: Annotated[str, typer.Option(help="Only these arms, separated by commas; by default all.")] = "",
    against: Annotated[str, typer.Option(help="Compare each arm with this arm; by default every pair.")] = "",
    margin: Annotated[
        float, typer.Option(help="The largest difference that does not matter: 0.02 for 2 points.")
    ] = differences.MARGIN,
    metric: Annotated[Metric, typer.Option(help="The score that is compared.")] = Metric.MACRO_F1,
    encoder: Annotated[
        str | None, typer.Option(help="Runs of this encoder; by default the one with the most arms.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Runs on so many training texts; by default the usual ones.")] = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Compare the arms of a task: differences with intervals, as good as real or not, classes, worth, costs, stability."""
    with output.opened() as (settings, store), store() as session:
        home = find.find_study(session, study, task)
        own = tasks.get_task(session, home.id, task)
        names = tasks.arm_names(session, own.id, arms)
        asked = Asked(metric=metric, margin=margin, encoder=encoder, size=size, names=names, base=against)
        found = compared.collect(session, trained.read(session, home.id), own, asked)
        facts = _of_texts(session, settings, own, found)
    if as_json:
        output.emit(_json(found, facts))
    else:
        _show(found, facts)


def _of_texts(session: Session, settings: Settings, task: Task, found: Compared) -> dict[str, Any]:
    """Costs and measures of the arms' texts, and how the measures rank the arms."""
    stored = measures.read(settings, session, task.id)
    metric = found.asked.metric
    beside = costs.with_measures(session, task, found.chosen, stored, metric=metric)
    synthetic = [arm.arm for arm in found.chosen.arms if arm.kind != ArmKind.REAL]
    return {
        "costs": costs.table(session, task, found.chosen, metric=metric, spread=found.spread),
        "measures": beside,
        "ranks": costs.ranks(beside, synthetic),
        "stale": bool(stored and stored.stale),
    }


def _show(found: Compared, facts: dict[str, Any]) -> None:
    chosen = found.chosen
    title = (
        f"{chosen.task}: {METRIC_NAMES[found.asked.metric]} with {chosen.encoder} on {chosen.n_train:,} training texts"
    )
    cost, steady = facts["costs"].set_index("arm"), {one.arm: one for one in found.stability}
    columns = ["arm", "score", "low", "high", "seeds", "alpha over seeds", "answers that change", "kept texts", "USD"]
    rows = [
        [
            row["arm"], row["value"], row["low"], row["high"], row["n_seeds"], steady[row["arm"]].alpha.value,
            steady[row["arm"]].changed.value, int(cost.loc[row["arm"], "kept"]), float(cost.loc[row["arm"], "cost_usd"]),
        ]
        for row in found.scores.to_dict("records")
    ]  # fmt: skip
    output.table(title, columns, rows)
    said = [
        *map(sentences.difference, found.differences), *map(sentences.over_tasks, found.over_tasks),
        *map(classes.class_sentence, _classes(found)), *sizes.worth_sentences(found.worth),
        costs.rank_sentence(facts["ranks"]), *compared.cautions(found),
    ]  # fmt: skip
    for sentence in said:
        typer.echo(f"- {sentence}")


def _classes(found: Compared) -> list[classes.Classes]:
    """The classes of every arm beside those of the arm that all are compared with, by default the first one."""
    by_name = {arm.arm: arm for arm in found.chosen.arms}
    base = by_name.pop(found.asked.base or found.chosen.arms[0].arm)
    return [classes.of_pair(base, arm, found.labels) for arm in by_name.values()]


def _json(found: Compared, facts: dict[str, Any]) -> dict[str, Any]:
    per_class = _classes(found)
    return {
        "task": found.chosen.task,
        "encoder": found.chosen.encoder,
        "n_train": found.chosen.n_train,
        "metric": found.asked.metric,
        "margin": found.asked.margin,
        "arms": found.scores.to_dict("records"),
        "differences": [
            row | {"reading": sentences.difference(one), "settled_by": _sizes(one)}
            for row, one in zip(differences.table(found.differences).to_dict("records"), found.differences, strict=True)
        ],
        "over_tasks": [
            row | {"reading": sentences.over_tasks(one)}
            for row, one in zip(
                differences.task_table(found.over_tasks).to_dict("records"), found.over_tasks, strict=True
            )
        ],
        "classes": [
            {"arm": one.arm.arm, "base": one.base.arm, "labels": one.by_class.to_dict("records")} for one in per_class
        ],
        "sizes": sizes.curves(found.at_sizes, metric=found.asked.metric, spread=found.spread).to_dict("records"),
        "worth": sizes.worth_table(found.worth).to_dict("records"),
        "worth_reading": sizes.worth_sentences(found.worth),
        "costs": facts["costs"].to_dict("records"),
        "measures": facts["measures"].to_dict("records"),
        "measures_are_stale": facts["stale"],
        "ranks": facts["ranks"].to_dict("records"),
        "stability": stability.table(found.stability).to_dict("records"),
        "cautions": compared.cautions(found),
    }


def _sizes(one: differences.Difference) -> dict[str, int] | None:
    return {"test_texts": one.settled_by.texts, "seeds": one.settled_by.seeds} if one.settled_by else None
