"""Read the baselines of a task on the test texts of its runs: the commonest label, plain classifiers, and LLMs as classifiers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis import gap_table
from core.analysis.arms import trained
from core.analysis.arms.trained import StudyArms, TaskArms, TrainedArm
from core.analysis.inference import gaps
from core.analysis.inference.gaps import Codes, Scored
from core.analysis.points import Metric
from core.study import tasks
from core.study.chunks import chunks
from core.study.rows.baselines import Baseline
from core.study.rows.kinds import JudgementKind, Purpose, Split
from core.study.rows.study import Arm, Judgement, Prediction, Run, Sample, Study, Task
from core.training import fingerprints, selection
from core.training.baselines import wanted
from core.wording import counted

MAJORITY = "majority"
LLM = "llm:"
STUDENT = "student:"
UNREAD = -1  # the code of an answer that names no label: it is never right
NAMES = {
    MAJORITY: "always the commonest label",
    "tfidf": "TF-IDF + logistic regression",
    "embeddings": "embeddings + logistic regression",
}
POOL = "few-shot pool"
COLUMNS = [
    "task", "arm", "name", "n_train", "n_seeds", "n_test", "macro_f1", "low", "high", "accuracy", "accuracy_low",
    "accuracy_high",
]  # fmt: skip


@dataclass(frozen=True)
class Result:
    """The answers of one baseline to the test texts of a task.

    `arm`: the arm whose texts it was fitted on, `POOL` for the few-shot pool, "" for a baseline without training. `truth` (texts)
    and `predicted` (fits x texts): label ids, `UNREAD` for an answer without a label. Fits of several seeds on the same
    texts count once. `n_train`: training texts, 0 without training.
    `takes_all`: whether several seeds chose the same texts, since the arm has no more.
    """

    arm: str
    name: str
    n_train: int
    truth: Codes
    predicted: Codes
    takes_all: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether another training could not answer otherwise: there is none, or all seeds chose the same texts."""
        return not self.n_train or self.takes_all or (self.arm == POOL and self.name in wanted.NAMES)

    def scored(self, metric: Metric) -> Scored:
        """The scores of the fits; a fixed baseline answers alike in as many trainings as an interval takes."""
        if not self.is_fixed:
            return gap_table.SCORERS[metric](self.truth, self.predicted)
        return gap_table.fixed(self.truth, self.predicted, metric)

    @property
    def short_words(self) -> str:
        """The classifier for people: "TF-IDF + logistic regression"."""
        if self.name.startswith(LLM):
            return f"{self.name.removeprefix(LLM)} as classifier"
        if self.name.startswith(STUDENT):
            return f"seed student ({self.name.removeprefix(STUDENT)})"
        return NAMES.get(self.name, self.name)

    @property
    def words(self) -> str:
        """The name for people: "TF-IDF + logistic regression on real texts"."""
        own = self.short_words
        return f"{own} on the few-shot pool" if self.arm == POOL else f"{own} on {self.arm} texts" if self.arm else own


@dataclass(frozen=True)
class TaskBaselines:
    """The baselines of a task on one set of test texts, and sentences on what is left out."""

    task: str
    results: tuple[Result, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Tested:
    """The test texts of a task: sample ids, text hashes and label ids, in one order, and the labels' names."""

    ids: Codes
    hashes: list[str]
    truth: Codes
    codes: Mapping[str, int]


def of_task(session: Session, task: Task, chosen: TaskArms | None) -> TaskBaselines:
    """The baselines of a task on the test texts of the arms `chosen`; without runs, on the real test split as it is now.

    Classifiers are those that were fitted on the very texts of the runs, by digests of the texts. Stored answers to other test
    texts are left out, and a sentence counts them.
    """
    tested = _tested(session, task, chosen)
    if not len(tested.ids):
        return TaskBaselines(task.name, (), (selection.no_test_texts(task),))
    fitted, other = _fitted(session, task, chosen, tested)
    taught = _students(session, task, tested)
    judged, said = _judged(session, tested)
    if other:
        said = [
            *said,
            f"{counted(other, 'stored baseline')} answered other test texts or learned from other texts; not shown.",
        ]
    return TaskBaselines(task.name, (_majority(tested), *fitted, *taught, *judged), tuple(said))


def of_study(session: Session, study: Study, arms: StudyArms) -> list[TaskBaselines]:
    """The baselines of every task of a study on the test texts of its arms; `arms`: the trained arms of the study."""
    found = []
    for task in tasks.tasks(session, study.id):
        is_trained = bool(arms.encoders(task.name))
        found.append(of_task(session, task, trained.comparable(arms, task.name) if is_trained else None))
    return found


def table(found: TaskBaselines) -> pd.DataFrame:
    """The scores of the baselines of a task, a row for each: `COLUMNS`.

    `macro_f1` and `accuracy` are means over the fits, in [0, 1], with 95 % intervals for new test texts and other choices of
    training texts: `low` and `high` of macro-F1. Limits are nan with 1 or 2 choices. `n_seeds` counts choices, 0 without training.
    """
    rows = []
    for one in found.results:
        f1, hits = (gaps.mean_score(one.scored(metric)) for metric in (Metric.MACRO_F1, Metric.ACCURACY))
        seeds = len(one.predicted) if one.n_train else 0
        rows.append((
            found.task, one.arm, one.name, one.n_train, seeds, f1.n, f1.value, f1.low, f1.high, hits.value, hits.low, hits.high,
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def records(found: Sequence[TaskBaselines]) -> list[dict[str, Any]]:
    """The rows of `table` for some tasks under the JSON keys of the commands; a number that is not computable is None.

    Beside the columns: `n`, the number of test texts, as `n_test`.
    """
    rows = [row | {"n": row["n_test"]} for one in found for row in table(one).to_dict("records")]
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _tested(session: Session, task: Task, chosen: TaskArms | None) -> _Tested:
    codes = {label.name: label.id for label in tasks.labels_of(session, task.id)}
    if chosen is None:
        split = selection.test_split(session, task)
        truth = np.array([codes[name] for name in split["label"]], dtype=np.intp)
        return _Tested(split["sample_id"].to_numpy(dtype=np.intp), list(split["text_hash"]), truth, codes)
    arm = chosen.arms[0]
    found: dict[int, str] = {}
    for chunk in chunks([int(number) for number in arm.texts]):
        rows = session.execute(select(Sample.id, Sample.text_hash).where(Sample.id.in_(chunk)))
        found |= {row.id: row.text_hash for row in rows}
    return _Tested(arm.texts, [found[int(number)] for number in arm.texts], arm.truth, codes)


def _majority(tested: _Tested) -> Result:
    labels, counts = np.unique(tested.truth, return_counts=True)
    return Result("", MAJORITY, 0, tested.truth, np.full((1, len(tested.truth)), labels[int(counts.argmax())]))


def _fitted(session: Session, task: Task, chosen: TaskArms | None, tested: _Tested) -> tuple[list[Result], int]:
    """The results of stored classifiers, in the order of arms, and the number of stored rows that do not belong here."""
    query = select(Baseline, Arm.name).join(Arm, Arm.id == Baseline.arm_id).where(Arm.task_id == task.id)
    rows = [(row, arm) for row, arm in session.execute(query.order_by(Arm.id, Baseline.id))]
    match = _Match(session, task, chosen)
    groups: dict[tuple[str, str], dict[int, tuple[Baseline, Codes]]] = {}
    other = 0
    for row, arm in rows:
        answers = _answers(row, tested)
        if answers is None or not match.has(row, arm):
            other += 1
            continue
        name = POOL if row.split == Split.POOL else arm
        groups.setdefault((name, row.name), {})[row.seed] = (row, answers)
    return [_result(arm, name, list(found.values()), tested) for (arm, name), found in groups.items()], other


def _students(session: Session, task: Task, tested: _Tested) -> list[Result]:
    """The seed students that were trained on the few-shot pool as it is now and answered the same test texts, by encoder."""
    found: dict[str, dict[int, Codes]] = {}
    sizes: dict[str, int] = {}
    digests = {fingerprints.data_digest(fit.chosen) for fit in wanted.of_pool(session, task).fits}
    query = select(Run).join(Arm, Arm.id == Run.arm_id).where(Arm.task_id == task.id)
    query = query.where(Run.purpose == Purpose.SEED_STUDENT, Run.finished_at.is_not(None)).order_by(Run.id)
    for run in session.scalars(query):
        rows = session.execute(select(Prediction.sample_id, Prediction.label_id).where(Prediction.run_id == run.id))
        answers = {row.sample_id: row.label_id for row in rows}
        if run.facts.get("train_digest") in digests and set(answers) == {int(number) for number in tested.ids}:
            name = f"{STUDENT}{run.encoder}"
            found.setdefault(name, {})[run.seed] = np.array(
                [answers[int(number)] for number in tested.ids], dtype=np.intp
            )
            sizes[name] = run.n_train
    return [Result(POOL, name, sizes[name], tested.truth, np.vstack(list(own.values()))) for name, own in found.items()]


def _result(arm: str, name: str, rows: Sequence[tuple[Baseline, Codes]], tested: _Tested) -> Result:
    """A result from the rows of its seeds; the newest number of training texts counts, and equal texts count once."""
    n_train = max(rows, key=lambda pair: pair[0].id)[0].n_train
    own = [(row.fingerprint, answers) for row, answers in rows if row.n_train == n_train]
    distinct = dict(own)
    takes_all = len(distinct) == 1 < len(own)
    return Result(arm, name, n_train, tested.truth, np.vstack(list(distinct.values())), takes_all)


def _answers(row: Baseline, tested: _Tested) -> Codes | None:
    """The answers of a stored row in the order of the test texts; None if these are not the texts and labels it answered."""
    if set(row.answers) != set(tested.hashes):
        return None
    pairs = [row.answers[digest] for digest in tested.hashes]
    if any(name not in tested.codes for pair in pairs for name in pair):
        return None
    truth = np.array([tested.codes[pair[0]] for pair in pairs], dtype=np.intp)
    if not np.array_equal(truth, tested.truth):
        return None
    return np.array([tested.codes[pair[1]] for pair in pairs], dtype=np.intp)


class _Match:
    """Whether a stored row was fitted on the texts of the runs of its arm.

    Rows of an arm without runs, and of the few-shot pool, match if they are what would be fitted now.
    """

    def __init__(self, session: Session, task: Task, chosen: TaskArms | None) -> None:
        self.session, self.task, self.chosen = session, task, chosen
        arms = {} if chosen is None else {arm.arm: arm for arm in chosen.arms}
        self.digests = {name: _digests(session, arm) for name, arm in arms.items()}
        self.config = {} if chosen is None else _config(session, chosen.arms[0].newest)

    def has(self, row: Baseline, arm: str) -> bool:
        key = (row.arm_id, row.seed, row.fingerprint)
        if row.split == Split.POOL:
            return key in self.of_pool
        if self.chosen is None:
            return key in self.current
        if row.n_train != self.chosen.n_train or _mattering(row.config) != _mattering(self.config):
            return False
        own = self.digests.get(arm)
        return key in self.current if own is None else own.get(row.seed, "") in (row.train_digest, None)

    @cached_property
    def current(self) -> set[tuple[int, int, str]]:
        return wanted.of_task(self.session, self.task).keys

    @cached_property
    def of_pool(self) -> set[tuple[int, int, str]]:
        return wanted.of_pool(self.session, self.task).keys


def _digests(session: Session, arm: TrainedArm) -> dict[int, str | None]:
    """Seed -> digest of the training texts of an arm's runs; None for a run that did not store it."""
    newest = session.get_one(Run, arm.newest)
    query = select(Run).where(
        Run.arm_id == newest.arm_id, Run.encoder == arm.encoder, Run.n_train == arm.n_train, Run.seed.in_(arm.seeds),
        Run.finished_at.is_not(None), Run.purpose == Purpose.COMPARISON,
    )  # fmt: skip
    own = _config(session, arm.newest)
    return {
        run.seed: run.facts.get("train_digest")
        for run in session.scalars(query.order_by(Run.id))
        if wanted.config_of(run.config["training"]) == own and run.config.get("test") == newest.config.get("test")
    }


def _config(session: Session, run_id: int) -> dict[str, str]:
    return wanted.config_of(session.get_one(Run, run_id).config["training"])


def _mattering(config: Mapping[str, str]) -> tuple[str | None, ...]:
    """The settings that are not told by the digest of the training texts."""
    return config.get("class_weights"), config.get("stop")


def _judged(session: Session, tested: _Tested) -> tuple[list[Result], list[str]]:
    """Every LLM that has answered all test texts, and sentences on those that have answered some, and on unread answers."""
    place = {int(number): at for at, number in enumerate(tested.ids)}
    answers: dict[str, Codes] = {}
    seen: dict[str, int] = {}
    for chunk in chunks(list(place)):
        query = select(Judgement.judge, Judgement.sample_id, Judgement.label_id)
        query = query.where(Judgement.kind == JudgementKind.JUDGE, Judgement.sample_id.in_(chunk))
        for judge, sample_id, label_id in session.execute(query.order_by(Judgement.id)):
            own = answers.setdefault(judge, np.full(len(place), UNREAD, dtype=np.intp))
            own[place[sample_id]] = UNREAD if label_id is None else label_id
            seen[judge] = seen.get(judge, 0) + 1
    whole = {judge: own for judge, own in answers.items() if seen[judge] == len(place)}
    said = [
        f"{judge} has answered {seen[judge]:,} of {len(place):,} test texts; ask it the rest to see it as a classifier."
        for judge in answers
        if judge not in whole
    ]
    for judge, own in whole.items():
        if unread := int((own == UNREAD).sum()):
            said.append(f"{counted(unread, 'answer')} of {judge} named no label and count as wrong.")
    return [Result("", f"{LLM}{judge}", 0, tested.truth, own[None, :]) for judge, own in whole.items()], said
