"""The encoders, seeds and settings that a study file asks for, read off the runs of the comparison, and what it cannot say of them."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd
from sqlalchemy.orm import Session

from core.analysis.reports.pack import beyond
from core.study import tasks
from core.study.rows.kinds import Purpose, Split
from core.study.rows.study import Arm, Run, Study, Task
from core.training.settings import training_settings
from core.wording import counted

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class AsTrained:
    """How the runs of the comparison were trained.

    `keys`: encoders, seeds and training of a study file; those of the study before a run has finished. `runs`: the finished runs
    with these settings. `n_left`: finished runs with other settings, which a study file leaves out.
    """

    keys: dict[str, Any]
    runs: Sequence[tuple[Run, Arm]]
    n_left: int


def read(session: Session, study: Study) -> AsTrained:
    """Read how the runs of the comparison were trained; of several settings those with the most runs count."""
    config: dict[str, Any] = {
        name: study.config[name] for name in ("encoders", "seeds", "training") if name in study.config
    }
    every = [
        pair for task in tasks.tasks(session, study.id) for pair in beyond.finished(session, task, Purpose.COMPARISON)
    ]
    if not every:
        return AsTrained(config, [], 0)
    asked = tasks.DEFAULT_CONFIG | config
    groups: dict[str, list[tuple[Run, Arm]]] = {}
    for run, arm in every:
        groups.setdefault(json.dumps(_training(run, asked["training"]), sort_keys=True), []).append((run, arm))
    own = max(groups.values(), key=len)
    keys = {
        "encoders": _in_order(asked["encoders"], {run.encoder for run, _ in own}),
        "seeds": _in_order(asked["seeds"], {run.seed for run, _ in own}),
        "training": _training(own[0][0], asked["training"]),
    }
    return AsTrained(keys, own, len(every) - len(own))


def train_size(found: AsTrained, task: Task, texts: pd.DataFrame, *, labels: int) -> tuple[dict[str, int], list[str]]:
    """The key `train_size` of a task whose runs had another number of training texts than its texts and settings give.

    Empty for any other task; a sentence in its place where one number cannot say it. `texts`: those of the study file, with
    columns arm and split.
    """
    sizes = {run.n_train for run, arm in found.runs if arm.task_id == task.id}
    if not sizes:
        return {}, []
    in_training = texts[texts["split"] == Split.TRAIN].groupby("arm").size()
    smallest = int(in_training.reindex(texts["arm"].unique(), fill_value=0).min())
    given = training_settings(found.keys["training"]).texts_of(
        train_size=task.train_size, smallest=smallest, labels=labels
    )
    if sizes == {given}:
        return {}, []
    n = max(sizes)
    if len(sizes) == 1 and n <= smallest:
        return {"train_size": n}, []
    listed = " and ".join(f"{size:,}" for size in sorted(sizes))
    return {}, [
        f"{task.name}: its runs had {listed} training texts; by study.yaml the smallest arm decides their number."
    ]


def sentences(found: AsTrained, arms: Collection[tuple[int, str]]) -> list[str]:
    """What a study file with these keys and arms, each given by the id of its task and its name, cannot say of the runs."""
    said = []
    if found.n_left:
        said.append(
            f"{counted(found.n_left, 'run')} of the comparison with other settings; study.yaml leaves such runs out."
        )
    if found.runs:
        n = len(arms) * len(found.keys["encoders"]) * len(found.keys["seeds"])
        trained = {(arm.id, run.encoder, run.seed) for run, arm in found.runs if (arm.task_id, arm.name) in arms}
        if len(trained) < n:
            said.append(
                f"study.yaml trains every arm of every task with each encoder and seed, {counted(n, 'run')}; {len(trained):,} of "
                "them have finished in this study."
            )
    return said


def _training(run: Run, asked: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run: those that the study asks for where they give the run's, else its own."""
    same = training_settings(asked).for_texts(run.n_train) == training_settings(run.config["training"])
    return dict(asked) if same else beyond.settings_of(run)


def _in_order(first: Sequence[T], found: Collection[T]) -> list[T]:
    """What was found: first in the order of the study, then the others sorted."""
    return [one for one in first if one in found] + sorted(set(found) - set(first))
