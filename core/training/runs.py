"""Read finished runs: scores, predictions, F1 per label and training loss."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind, Purpose
from core.study.rows.study import Arm, Label, Prediction, Run, Sample, Task
from core.training import convergence, fingerprints, score
from core.training.settings import training_settings, with_length

SCORE_COLUMNS = [
    "task",
    "arm",
    "arm_kind",
    "encoder",
    "seed",
    "n_train",
    "n_real",
    "settings",
    "conditions",
    "device",
    "macro_f1",
    "accuracy",
    "n_test",
    "converged",
    "run_id",
    "notes",
]


def scores(
    session: Session,
    study_id: int,
    *,
    run_ids: Sequence[int] | None = None,
    answered: pd.DataFrame | None = None,
    purposes: Sequence[Purpose] = (Purpose.COMPARISON,),
) -> pd.DataFrame:
    """The scores of finished runs, a row per run, in the order of tasks, arms and runs: `SCORE_COLUMNS`.

    Only runs that were trained for one of the `purposes`. Mixes of a learning curve stand under the name of `mix_name`;
    `n_real` is the number of real texts among the `n_train` of a mix, nan for other runs.

    Only runs with the same `conditions` (training settings, number of training texts, test split, kind of device and number
    format) may be compared; of several finished runs with the same arm, encoder, seed and conditions the newest counts.
    `settings` are the training settings alone, `device` is "CPU, float32" or alike, "" where it is not known. `run_ids`
    leaves all other runs out. `answered` is the table of `answers`, from a caller who has read it already. `macro_f1` and
    `accuracy` are on the real test split, in [0, 1]; nan for a run without predictions. `n_test` counts test samples.
    `notes` holds sentences that belong beside the score. `converged` is True, False, or None where a run's losses do not
    say (`convergence.judge`).
    """
    finished = _finished(session, study_id, purposes)
    if run_ids is not None:
        finished = finished[finished["run_id"].isin(run_ids)]
    finished["settings"] = [_settings(config) for config in finished["config"]]
    finished["conditions"] = [
        fingerprints.conditions(config, n_train=n, facts=facts)
        for config, n, facts in zip(finished["config"], finished["n_train"], finished["facts"], strict=True)
    ]
    finished["device"] = pd.Series(
        [fingerprints.device_words(facts) for facts in finished["facts"]], finished.index, dtype=str
    )
    finished = finished.drop_duplicates(["task", "arm", "encoder", "seed", "conditions"], keep="last")
    finished["converged"] = pd.Series(
        [
            convergence.judge(facts, config["training"]).is_converged
            for facts, config in zip(finished["facts"], finished["config"], strict=True)
        ],
        index=finished.index,
        dtype=object,
    )
    told = zip(finished["arm"], finished["config"], finished["facts"], strict=True)
    finished["notes"] = pd.Series([_notes(*one) for one in told], index=finished.index, dtype=object)
    found = _scored(answers(session, study_id) if answered is None else answered)
    joined = finished.merge(found, on="run_id", how="left")
    return joined.assign(n_test=joined["n_test"].fillna(0).astype(int))[SCORE_COLUMNS]


def _finished(session: Session, study_id: int, purposes: Sequence[Purpose]) -> pd.DataFrame:
    """The finished runs of a study, with config and facts, in the order of tasks, arms and runs."""
    query = (
        select(
            Task.name.label("task"), Arm.name.label("arm"), Arm.kind.label("arm_kind"),
            Run.encoder, Run.seed, Run.n_train, Run.config, Run.facts, Run.id.label("run_id"), Run.n_real,
        )
        .join(Arm, Arm.id == Run.arm_id)
        .join(Task, Task.id == Arm.task_id)
        .where(Task.study_id == study_id, Run.finished_at.is_not(None), Run.purpose.in_(purposes))
        .order_by(Task.id, Arm.id, Run.id)
    )  # fmt: skip
    columns = ["task", "arm", "arm_kind", "encoder", "seed", "n_train", "config", "facts", "run_id", "n_real"]
    found = pd.DataFrame(session.execute(query).all(), columns=columns)
    is_mix = found["n_real"].notna()
    return found.assign(
        arm=[
            mix_name(row) if mixed else row["arm"] for row, mixed in zip(found.to_dict("records"), is_mix, strict=True)
        ],
        arm_kind=found["arm_kind"].where(~is_mix, ArmKind.MIXED),
        n_real=found["n_real"].astype(float),
    )


def best(session: Session, study_id: int, run_ids: Sequence[int]) -> list[int]:
    """Of these finished runs of the comparison, that with the highest macro-F1 for each task, arm, encoder and conditions."""
    found = scores(session, study_id, run_ids=run_ids)
    ranked = found.sort_values(["macro_f1", "run_id"], ascending=[False, True])
    first = ranked.drop_duplicates(["task", "arm", "encoder", "conditions"])
    return sorted(int(run_id) for run_id in first["run_id"])


def trained_alike(session: Session, study_id: int, run_id: int) -> list[int]:
    """The ids of a study's finished runs, of comparisons and learning curves, that were trained with the settings of one run.

    Runs count whose settings are the same, and whose steps are those that the rule of the run's length gives for their number
    of training texts: also those that were planned under another rule, which gave as many steps. Raises `StudyError` if
    there is no such run.
    """
    like = get(session, run_id).config
    length = like.get("rule") or {"steps": like["training"]["steps"]}
    asked = training_settings(with_length(like["training"], length))
    finished = _finished(session, study_id, (Purpose.COMPARISON, Purpose.LEARNING_CURVE))
    told = zip(finished["run_id"], finished["config"], finished["n_train"], strict=True)
    return [
        int(number)
        for number, config, n in told
        if all(config.get(name) == like.get(name) for name in ("code", "stopping"))
        and training_settings(config["training"]).for_texts(n) == asked.for_texts(n)
    ]


def macro_f1(session: Session, run_id: int) -> float | None:
    """The macro-F1 of a run on the real test texts; None without predictions."""
    found = predictions(session, run_id)
    return None if found.empty else _macro_f1(found)


def _macro_f1(found: pd.DataFrame) -> float:
    labels = sorted({*found["label"], *found["predicted"]})
    of_labels = score.per_class(list(found["label"]), list(found["predicted"]), labels=labels)
    return float(of_labels.loc[of_labels["n"] > 0, "f1"].mean())


def title(task: str, arm: str, seed: int) -> str:
    """The name under which the training of a run reports its progress."""
    return f"{task} · {arm} · seed {seed}"


def mix_name(row: Mapping[Any, Any]) -> str:
    """The name of the mixes of a learning curve: "real + 1,200 zero-shot". `row`: arm, n_train and n_real of a run."""
    return f"real + {row['n_train'] - int(row['n_real']):,} {row['arm']}"


def finished(session: Session, study_id: int) -> int:
    """The number of finished runs of a study."""
    of_study = select(func.count(Run.id)).join(Arm, Arm.id == Run.arm_id).join(Task, Task.id == Arm.task_id)
    return session.scalar(of_study.where(Task.study_id == study_id, Run.finished_at.is_not(None))) or 0


def predictions(session: Session, run_id: int) -> pd.DataFrame:
    """The predictions of a run: columns sample_id, text, label, predicted, probability (of the predicted label), correct.

    Raises `StudyError` if there is no such run.
    """
    get(session, run_id)
    truth, answer = aliased(Label), aliased(Label)
    query = (
        select(Sample.id, Sample.text, truth.name, answer.name, Prediction.probability)
        .join(Sample, Sample.id == Prediction.sample_id)
        .join(truth, truth.id == Sample.label_id)
        .join(answer, answer.id == Prediction.label_id)
        .where(Prediction.run_id == run_id)
        .order_by(Sample.id)
    )
    columns = ["sample_id", "text", "label", "predicted", "probability"]
    found = pd.DataFrame(session.execute(query).all(), columns=columns)
    return found.assign(correct=found["label"] == found["predicted"])


def task_predictions(session: Session, task_id: int, *, run_ids: Sequence[int] | None = None) -> pd.DataFrame:
    """The predictions on a task's test samples: columns run_id, arm, arm_kind, encoder, seed, sample_id, label, predicted,
    probability (of the predicted label), correct.

    Of all finished runs of the comparison, or of those in `run_ids`.
    """
    arms = (
        select(Run.id, Arm.name, Arm.kind, Run.encoder, Run.seed)
        .join(Arm, Arm.id == Run.arm_id)
        .where(Arm.task_id == task_id, Run.finished_at.is_not(None))
    )
    if run_ids is None:
        arms = arms.where(Run.purpose == Purpose.COMPARISON)
    known = pd.DataFrame(session.execute(arms).all(), columns=["run_id", "arm", "arm_kind", "encoder", "seed"])
    if run_ids is not None:
        known = known[known["run_id"].isin(list(run_ids))]
    read = _answers_where(session, Arm.task_id == task_id, with_probability=True)
    read = read[read["run_id"].isin(known["run_id"])].sort_values(["run_id", "sample_id"], ignore_index=True)
    names = pd.Series({label.id: label.name for label in tasks.labels_of(session, task_id)}, dtype="str")
    found = known.set_index("run_id").loc[read["run_id"]].reset_index()
    return found.assign(
        sample_id=read["sample_id"],
        label=names.reindex(read["label_id"]).to_numpy(),
        predicted=names.reindex(read["predicted_id"]).to_numpy(),
        probability=read["probability"],
        correct=read["label_id"] == read["predicted_id"],
    )


def probabilities(session: Session, run_ids: Sequence[int]) -> pd.DataFrame:
    """How sure runs are: columns run_id, sample_id, label_id (true), predicted_id, probability (of the predicted label),
    probabilities (of all labels, in the order of the labels' names; None where only the winning one was stored)."""
    query = (
        select(
            Prediction.run_id, Prediction.sample_id, Sample.label_id, Prediction.label_id, Prediction.probability,
            Prediction.probabilities,
        )
        .join(Sample, Sample.id == Prediction.sample_id)
        .where(Prediction.run_id.in_(list(run_ids)))
        .order_by(Prediction.run_id, Prediction.sample_id)
    )  # fmt: skip
    columns = ["run_id", "sample_id", "label_id", "predicted_id", "probability", "probabilities"]
    return pd.DataFrame(session.execute(query).all(), columns=columns)


def answers(session: Session, study_id: int) -> pd.DataFrame:
    """Every prediction of a study's finished runs as numbers: columns run_id, sample_id, label_id (true), predicted_id."""
    return _answers_where(session, Task.study_id == study_id)


def per_class(session: Session, run_id: int) -> pd.DataFrame:
    """Precision, recall and F1 of a run for each label of its task, in the task's order: columns as `score.per_class`.

    Raises `StudyError` if there is no such run.
    """
    found = predictions(session, run_id)
    task_id = session.scalars(select(Arm.task_id).join(Run, Run.arm_id == Arm.id).where(Run.id == run_id)).one()
    labels = [label.name for label in tasks.labels_of(session, task_id)]
    return score.per_class(list(found["label"]), list(found["predicted"]), labels=labels)


def loss_table(session: Session, run_id: int) -> pd.DataFrame:
    """The training loss of a run: columns run (arm, encoder and seed), step, loss. Raises `StudyError` if there is no such run."""
    run = get(session, run_id)
    arm = session.get_one(Arm, run.arm_id)
    curve = loss_curve(run)
    curve.insert(0, "run", f"{arm.name} · {run.encoder} · seed {run.seed}")
    return curve


def loss_curve(run: Run) -> pd.DataFrame:
    """Mean cross-entropy since the step before: columns step (from 1), loss. Empty until the run has finished."""
    return pd.DataFrame(run.facts.get("loss", []), columns=["step", "loss"])


def notes(session: Session, run_id: int) -> tuple[str, ...]:
    """Sentences that belong beside a run's score: on its training texts, and on texts cut at `max_length`.

    Raises `StudyError` if there is no such run.
    """
    run = get(session, run_id)
    return _notes(session.get_one(Arm, run.arm_id).name, run.config, run.facts)


def get(session: Session, run_id: int) -> Run:
    """The run with this id. Raises `StudyError` if there is no such run."""
    run = session.get(Run, run_id)
    if run is None:
        raise StudyError(f"There is no run {run_id}. The table on Train lists the runs of the study.")
    return run


def _settings(config: Mapping[str, Any]) -> str:
    """The training settings of a run with the version of the training code, as words: "batch_size 32, ..., version 2".

    Where the number of steps follows from a rule, the rule stands in its place, so that tasks of all sizes share the words.
    """
    rule, training = config.get("rule"), config["training"]
    told = training if rule is None else rule | {name: value for name, value in training.items() if name != "steps"}
    parts = [f"{name} {value!r}" for name, value in sorted(told.items())]
    parts += [f"version {config.get('code', 1)}"]
    return ", ".join([*parts, *([f"stopping {config['stopping']}"] if "stopping" in config else [])])


def _answers_where(session: Session, condition: ColumnElement[bool], *, with_probability: bool = False) -> pd.DataFrame:
    """The table of `answers`, of the runs whose arm and task meet a condition; on request with the column probability.

    Predictions are read as bare numbers, without the true label, which belongs to the text: joined in the database and made into
    objects, a million of them takes ten times as long.
    """
    of_runs = select(Run.id).join(Arm, Arm.id == Run.arm_id).join(Task, Task.id == Arm.task_id)
    of_texts = select(Sample.id, Sample.label_id).join(Arm, Arm.id == Sample.arm_id).join(Task, Task.id == Arm.task_id)
    columns = [Prediction.run_id, Prediction.sample_id, Prediction.label_id]
    predicted = select(*columns, *([Prediction.probability] if with_probability else [])).where(
        Prediction.run_id.in_(of_runs.where(condition, Run.finished_at.is_not(None)))
    )
    numbers = _numbers(session, predicted, columns=len(columns) + with_probability)
    run, text, answer = numbers[:3].astype(np.int64)
    known, truth = _numbers(session, of_texts.where(condition).order_by(Sample.id), columns=2).astype(np.int64)
    labels = truth[np.searchsorted(known, text)] if len(text) else text
    found = {"run_id": run, "sample_id": text, "label_id": labels, "predicted_id": answer}
    return pd.DataFrame(found | ({"probability": numbers[3]} if with_probability else {}))


def _numbers(session: Session, query: Select[*tuple[Any, ...]], *, columns: int) -> npt.NDArray[np.float64]:
    """The numbers that a query returns (columns x rows), without an object per row; whole ones are exact up to 2 ** 53."""
    cursor = session.connection().execute(query).cursor
    assert cursor is not None  # a select always has one
    rows = np.fromiter(itertools.chain.from_iterable(cursor.fetchall()), dtype=np.float64)
    return rows.reshape(-1, columns).T


def _notes(arm: str, config: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Cautions to show beside a run's score: those noted when it was planned, texts cut at `max_length`, and texts kept out."""
    limit, cut = config["training"].get("max_length", 0), facts.get("cut", {})
    whose = {"train": f"the training texts of arm {arm}", "test": "the test texts"}
    words = [
        f"{_percent(cut[split])} of {texts} are longer than {limit} tokens; the rest of these texts is not read."
        for split, texts in whose.items()
        if cut.get(split)
    ]
    if config["training"].get("stop") == "early":
        kept_out = facts.get("validation", {}).get("n", 0)
        words.append(
            f"{kept_out} of the texts of arm {arm} were kept out of training for early stopping."
            if kept_out
            else f"Arm {arm} has too few texts of each label for early stopping, so its trainings made all steps."
        )
    return (*config.get("notes", []), *words)


def _percent(share: float) -> str:
    return "Under 1 %" if share < 0.01 else "Over 99 %" if 0.99 < share < 1 else f"{share * 100:.0f} %"


def _scored(answered: pd.DataFrame) -> pd.DataFrame:
    """The scores of each run on its answers: columns run_id, macro_f1, accuracy, n_test, in the order of the runs.

    Macro-F1 is over the labels that are the truth of any of the run's texts, as in every gap; an answer outside them is a miss.
    """
    counts = answered.groupby(["run_id", "label_id", "predicted_id"]).size().rename("n").reset_index()
    hits = counts[counts["label_id"] == counts["predicted_id"]].set_index(["run_id", "label_id"])["n"]
    true = counts.groupby(["run_id", "label_id"])["n"].sum()
    named = counts.groupby(["run_id", "predicted_id"])["n"].sum().rename_axis(["run_id", "label_id"])
    f1 = (2 * hits).div(true.add(named, fill_value=0), fill_value=0)
    by_run = counts.groupby("run_id")["n"].sum()
    f1 = f1[f1.index.isin(true.index)]
    scored = pd.DataFrame({"macro_f1": f1.groupby("run_id").mean(), "n_test": by_run})
    scored["accuracy"] = hits.groupby("run_id").sum().reindex(by_run.index, fill_value=0) / by_run
    return scored.reset_index()
