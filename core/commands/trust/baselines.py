"""The command baselines: plain classifiers on the texts of every arm, beside the runs of a task."""

from typing import Annotated

import typer

from core.analysis.arms import trained
from core.analysis.baselines import results, sentences
from core.analysis.baselines.results import TaskBaselines
from core.analysis.points import Metric
from core.commands import output
from core.jobs import runner
from core.steps import find, measure, train
from core.steps.trained import wait
from core.study import tasks
from core.study.rows.study import Task


def register(app: typer.Typer) -> None:
    """Add the command baselines to the program."""
    app.command("baselines")(baselines)


def baselines(
    task: Annotated[str, typer.Option("--task")],
    metric: Annotated[Metric, typer.Option(help="The score in which the real arm is compared.")] = Metric.MACRO_F1,
    seed_students: Annotated[
        bool, typer.Option("--students", help="Also train the study's encoders on the few-shot pool.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Queue it as a job, and do not wait.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Fit TF-IDF and embeddings with logistic regression on the texts of every arm, and score them, the commonest label and LLMs."""
    if detach and seed_students:
        raise typer.BadParameter(
            "Give --students or --detach, not both: the students are trained in jobs of their own."
        )
    with output.opened() as (settings, store):
        with store.write() as session:
            home = find.find_study(session, study, task)
            task_id = tasks.get_task(session, home.id, task).id
            job = measure.queue_baselines(session, study=home, task=session.get_one(Task, task_id)) if detach else None
        if job is not None:
            runner.ensure(settings)
            return output.queued(job.id, as_json=as_json)
        if seed_students:
            with store.write() as session:
                own = session.get_one(Task, task_id)
                taught = train.queue_students(session, settings, study=home, task=own)
            wait.wait(settings, store, [one.id for one in taught], output.teller(store))
        new, without = measure.compute_baselines(
            settings, store, task_id=task_id, title=task, teller=output.teller(store)
        )
        with store() as session:
            found_task = session.get_one(Task, task_id)
            arms = trained.read(session, home.id)
            chosen = trained.comparable(arms, found_task.name) if arms.encoders(found_task.name) else None
            found = results.of_task(session, found_task, chosen)
            said = sentences.not_beaten(found, chosen, metric=metric, spread=trained.shared_spread(arms, metric))
    return _show(found, new=new, said=[*said, *without, *found.left_out], as_json=as_json)


def _show(found: TaskBaselines, *, new: int, said: list[str], as_json: bool) -> None:
    table = results.table(found)
    if as_json:
        output.emit({"task": found.task, "fitted": new, "baselines": results.records([found]), "reading": said})
        return
    columns = ["arm", "name", "n_train", "n_seeds", "macro_f1", "low", "high", "accuracy"]
    n = int(table["n_test"].max()) if len(table) else 0
    rows = table[columns].to_numpy().tolist()
    output.table(f"{found.task}: baselines on {n:,} real test texts; {new} fits were new", columns, rows)
    for sentence in said:
        typer.echo(f"- {sentence}")
