"""Walk back from a gap to what it came from: runs with their settings, the arm, some of its texts, prompt versions and files."""

from dataclasses import dataclass

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.analysis import gap_table
from core.study import browse, tasks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Completion, Import, Prompt, Sample, Task

TEXTS_PER_LABEL = 2
RUN_COLUMNS = ["arm", "seed", "macro_f1", "accuracy", "n_train", "n_test", "run_id"]


@dataclass(frozen=True)
class Provenance:
    """What the gap of an arm on a task came from.

    `runs`: the runs of the arm and of the real arm that the gap is measured by, columns `RUN_COLUMNS`. `settings`: the training settings of
    these runs, in words. `notes`: sentences on the runs. `n_texts`: kept training texts of the arm. `texts`: two of these for each label,
    columns label, text, model, version. `prompts`: the prompt versions that wrote kept texts, with their number, the newest first;
    `files`: file name -> number of kept texts that came from the file.
    """

    task: Task
    arm: Arm
    runs: pd.DataFrame
    settings: str
    notes: tuple[str, ...]
    n_texts: int
    texts: pd.DataFrame
    prompts: tuple[tuple[Prompt, int], ...]
    files: dict[str, int]


def of_gap(session: Session, scores: pd.DataFrame, *, task: Task, arm: Arm, encoder: str) -> Provenance:
    """Walk back from the gap of an arm with an encoder; `scores` has the columns of `core.training.runs.scores`, of which those runs
    count that the gap is measured by."""
    conditions = gap_table.conditions_of_gaps(scores).get((task.name, arm.name, encoder))
    used = scores[
        (scores["task"] == task.name)
        & ((scores["arm"] == arm.name) | (scores["arm_kind"] == ArmKind.REAL))
        & (scores["encoder"] == encoder)
        & (scores["conditions"] == conditions)
    ]
    kept = (Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TRAIN)
    by_prompt = select(Completion.prompt_id, func.count(Sample.id)).join(Sample, Sample.completion_id == Completion.id)
    counts = dict(session.execute(by_prompt.where(*kept).group_by(Completion.prompt_id)).all())
    prompts = session.scalars(select(Prompt).where(Prompt.id.in_(counts)).order_by(Prompt.version.desc()))
    by_file = select(Import.file, func.count(Sample.id)).join(Sample, Sample.import_id == Import.id)
    return Provenance(
        task=task,
        arm=arm,
        runs=used[RUN_COLUMNS].sort_values(["arm", "seed"], ignore_index=True),
        settings="; ".join(dict.fromkeys(used["settings"])),
        notes=tuple(dict.fromkeys(note for notes in used["notes"] for note in notes)),
        n_texts=session.scalar(select(func.count(Sample.id)).where(*kept)) or 0,
        texts=_some_texts(session, task, arm),
        prompts=tuple((prompt, counts[prompt.id]) for prompt in prompts),
        files=dict(session.execute(by_file.where(*kept).group_by(Import.file).order_by(Import.file)).all()),
    )


def _some_texts(session: Session, task: Task, arm: Arm) -> pd.DataFrame:
    """The first kept training texts of each label of an arm: columns label, text, model, version."""
    pages = [
        browse.page(
            session,
            browse.Filter((arm.id,), label_id=label.id, status=SampleStatus.KEPT, split=Split.TRAIN),
            size=TEXTS_PER_LABEL,
        )
        for label in tasks.labels_of(session, task.id)
    ]
    found = pd.concat(pages, ignore_index=True)[["label", "text", "model", "version"]]
    return found.assign(version=["" if pd.isna(version) else str(version) for version in found["version"]])
