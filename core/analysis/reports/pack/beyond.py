"""What was trained beyond the comparison, as keys of a study file: learning curves and kept models."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.kinds import ArmKind, Purpose
from core.study.rows.study import Arm, Run, Study, Task
from core.training.kept.folder import Keep
from core.training.settings import LENGTH, TrainingSettings, training_settings
from core.wording import counted


def curve(session: Session, task: Task, asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The learning curve of a task as the key `curve` of a study file has it, and sentences on what that key cannot say.

    `asked`: the encoders, seeds and training that the file has for the whole study.
    The curve is read off its finished runs; of runs with several settings those with the most runs count. Empty without any.
    """
    every = finished(session, task, Purpose.LEARNING_CURVE)
    if not every:
        return {}, []
    groups: dict[str, list[tuple[Run, Arm]]] = {}
    for run, arm in every:
        groups.setdefault(json.dumps(settings_of(run), sort_keys=True), []).append((run, arm))
    own = max(groups.values(), key=len)
    added = [(run, arm) for run, arm in own if arm.kind != ArmKind.REAL]
    sizes = {run.n_train if arm.kind == ArmKind.REAL else run.n_real or 0 for run, arm in own}
    found: dict[str, Any] = {"sizes": sorted(sizes)}
    if added:
        found["with"] = list(dict.fromkeys(arm.name for _, arm in added))
        found["synthetic"] = max(run.n_train - (run.n_real or 0) for run, _ in added)
    seeds = sorted({run.seed for run, _ in own})
    if seeds != sorted(asked["seeds"]):
        found["seeds"] = seeds
    training = training_settings(asked["training"])
    passes = own[0][0].config.get("rule", {}).get("passes")
    if passes and passes != training.rule.get("passes"):
        found["passes"] = passes
    said = [
        *_uneven(task, added),
        *_other_settings(task, own, len(every) - len(own), training=training, encoders=asked["encoders"]),
    ]
    return found, said


def keep_models(session: Session, study: Study) -> tuple[dict[str, str], list[str]]:
    """The key `keep_models` of a study file, and a sentence on models that were kept one by one, which that key cannot say."""
    every = [run for task in tasks.tasks(session, study.id) for run, _ in finished(session, task, Purpose.COMPARISON)]
    kept = [run for run in every if run.config.get("keep")]
    if any(run.config["keep"] == Keep.BEST or run.config.get("best_of_seeds") for run in kept):
        return {"keep_models": str(Keep.BEST)}, []
    if kept and len(kept) == len(every):
        return {"keep_models": str(Keep.ALL)}, []
    n = counted(len(kept), "model")
    return {}, [
        f"{n} kept one by one: study.yaml asks for none of them; keep them again with models keep RUN."
    ] if kept else []


def finished(session: Session, task: Task, purpose: Purpose) -> list[tuple[Run, Arm]]:
    """The finished runs of a task that were trained for a purpose, each with its arm."""
    query = select(Run, Arm).join(Arm, Arm.id == Run.arm_id).where(Arm.task_id == task.id, Run.purpose == purpose)
    return [
        (run, arm) for run, arm in session.execute(query.where(Run.finished_at.is_not(None)).order_by(Arm.id, Run.id))
    ]


def settings_of(run: Run) -> dict[str, Any]:
    """The training settings of a run, its length by the rule that it follows from, if there is a rule."""
    training, rule = dict(run.config["training"]), run.config.get("rule")
    return (
        training if rule is None else {name: value for name, value in training.items() if name != "steps"} | dict(rule)
    )


def _uneven(task: Task, added: Sequence[tuple[Run, Arm]]) -> list[str]:
    """A sentence on a curve whose arms were added to different numbers of real texts; nothing for any other curve."""
    at: dict[str, set[int]] = {}
    for run, arm in added:
        at.setdefault(arm.name, set()).update({run.n_real} if run.n_real else set())
    if len({frozenset(sizes) for sizes in at.values()}) < 2:
        return []
    return [
        f"{task.name}: the arms of its learning curve have different sizes; study.yaml asks for every size with every arm."
    ]


def _other_settings(
    task: Task,
    own: Sequence[tuple[Run, Arm]],
    n_left: int,
    *,
    training: TrainingSettings,
    encoders: Sequence[str],
) -> list[str]:
    """Sentences on runs of a curve that the settings and encoders of the study do not give."""
    said = []
    if n_left:
        said.append(
            f"{task.name}: {counted(n_left, 'run')} of a learning curve with other settings; study.yaml leaves such runs out."
        )
    rest = _without_length(training.model_dump())
    if any(_without_length(run.config["training"]) != rest for run, _ in own):
        said.append(
            f"{task.name}: its learning curve was trained with other settings than study.yaml has for the study."
        )
    if {run.encoder for run, _ in own} != set(encoders):
        said.append(
            f"{task.name}: its learning curve was trained with other encoders than study.yaml has for the study."
        )
    return said


def _without_length(training: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in training.items() if name not in (*LENGTH, "per_label")}
