"""The tables of a study: tasks, labels, arms, samples, prompts, completions, judgements, runs, predictions, frozen plans, jobs.

These rows are the domain types of the program; no other classes wrap them. Every row refers to its origin, so that a
point in a plot can be traced back: run -> arm -> sample -> completion -> prompt, and rating -> item -> sample.
Times are seconds since 1970 (UTC). Means, agreement, gaps and fits are never stored: they are computed when read.
"""

from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from core.study.rows.base import POINTER, Base, Shares, named
from core.study.rows.kinds import (
    ArmKind,
    BatchState,
    JobState,
    JudgementKind,
    Purpose,
    SampleStatus,
    Slot,
    Split,
    TrialKind,
    Wording,
)


class Study(Base):
    """A study: the container of tasks and campaigns. `config` holds encoders, seeds and training settings.

    `trashed_at` is the time at which the study was put into the trash, else None. `is_trash` marks the one hidden study
    that holds the tasks in the trash.
    """

    __tablename__ = "study"
    name: Mapped[str] = mapped_column(String(200), unique=True)
    config: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    is_sample: Mapped[bool] = mapped_column(default=False)
    trashed_at: Mapped[float | None] = mapped_column(default=None)
    is_trash: Mapped[bool] = mapped_column(default=False, server_default=false())


class Task(Base):
    """One text-classification task. `train_size` is the number of training texts that each arm uses.

    A task in the trash belongs to the hidden study of the trash; `trashed_from` is then the id of its own study.
    `judging_lost` maps the name of a judge to an upper bound, in US dollars, of what its calls without a stored answer
    may have cost; `contamination_lost` does so for the models that were asked to complete test texts.
    """

    __tablename__ = "task"
    __table_args__ = (UniqueConstraint("study_id", "name"),)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    name: Mapped[str] = mapped_column(String(200))
    question: Mapped[str]
    train_size: Mapped[int | None] = mapped_column(default=None)
    trashed_at: Mapped[float | None] = mapped_column(default=None)
    trashed_from: Mapped[int | None] = mapped_column(default=None)
    judging_lost: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")
    contamination_lost: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")


class Label(Base):
    """One label of a task; `position` is its place in the order of the task's labels, from 0."""

    __tablename__ = "label"
    __table_args__ = (UniqueConstraint("task_id", "name"),)
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(default="")
    position: Mapped[int] = mapped_column(default=0)


class Arm(Base):
    """One training condition of a task.

    `unaccounted_usd` is an upper bound of what the arm's generation calls without a stored answer may have cost,
    `tries_lost_usd` the same for its trial calls. `not_taken` maps a model to the call parameters that its endpoint
    refused; calls to the model leave these parameters out.
    """

    __tablename__ = "arm"
    __table_args__ = (UniqueConstraint("task_id", "name"),)
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[ArmKind]
    unaccounted_usd: Mapped[float] = mapped_column(default=0.0, server_default="0")
    tries_lost_usd: Mapped[float] = mapped_column(default=0.0, server_default="0")
    not_taken: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")


class Import(Base):
    """One file imported into an arm: the number of rows read and kept, and the rejected rows by reason.

    `sha256` is the digest of the file. `examples` holds some rejected rows. `undone_at` is the time at which the import
    was undone, else None.
    """

    __tablename__ = "import"
    arm_id: Mapped[int] = mapped_column(ForeignKey("arm.id"), index=True)
    file: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]]
    read: Mapped[int]
    kept: Mapped[int]
    rejected: Mapped[dict[str, Any]]
    examples: Mapped[list[Any]]
    undone_at: Mapped[float | None] = mapped_column(default=None)


class Prompt(Base):
    """One immutable prompt version of an arm: the context, generation and diversity prompts, and how they are sent.

    `words` is the asked length of a text, `examples` the number of real texts that a call shows, `sources` the number of
    real texts of other labels that a call asks to rewrite. `attributes` maps the name of an attribute to its values, or
    to its values for each label.
    """

    __tablename__ = "prompt"
    __table_args__ = (UniqueConstraint("arm_id", "version"),)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arm.id"))
    version: Mapped[int]
    context: Mapped[str]
    generation: Mapped[str]
    diversity: Mapped[str]
    texts_per_call: Mapped[int]
    turns: Mapped[int]
    examples: Mapped[int]
    words: Mapped[int]
    sources: Mapped[int] = mapped_column(default=0, server_default="0")
    attributes: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")


class Trial(Base):
    """One call made while a prompt is written: a try of a draft, or a request for kinds of texts for a taxonomy.

    The texts of a trial never become samples; its tokens enter the cost estimate of the draft. `draft_hash` is the digest
    of `draft`. `cost_usd` is None if the price of the model is unknown.
    """

    __tablename__ = "trial"
    __table_args__ = (Index("ix_trial_draft", "arm_id", "draft_hash"),)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arm.id"))
    label_id: Mapped[int] = mapped_column(ForeignKey("label.id"))
    kind: Mapped[TrialKind]
    draft: Mapped[dict[str, Any]]
    draft_hash: Mapped[str] = mapped_column(String(32))
    provider: Mapped[str] = mapped_column(String(50))
    model: Mapped[str] = mapped_column(String(200))
    request: Mapped[dict[str, Any]]
    content: Mapped[str]
    finish_reason: Mapped[str] = mapped_column(String(50))
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost_usd: Mapped[float | None]
    latency_s: Mapped[float]
    request_id: Mapped[str | None] = mapped_column(String(200), default=None)


class Batch(Base):
    """Requests sent to a Batch API in one file, or written to a file. Sent ones hold their slots until the batch has ended.

    `key` is written into the metadata of the remote batch, so that a batch that was created just before a crash is found
    again although its `remote_id` was not stored. `remote_state` is the state in the endpoint's own words; `requests`
    lists label and slot of each line of the file, with the request itself until its answer is collected.
    """

    __tablename__ = "batch"
    arm_id: Mapped[int] = mapped_column(ForeignKey("arm.id"), index=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    provider: Mapped[str] = mapped_column(String(50))
    model: Mapped[str] = mapped_column(String(200))
    base_url: Mapped[str]
    requests: Mapped[list[Any]]
    state: Mapped[BatchState] = mapped_column(default=BatchState.PREPARING)
    remote_id: Mapped[str | None] = mapped_column(String(200), default=None)
    remote_state: Mapped[str] = mapped_column(String(50), default="")
    counts: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    error: Mapped[str | None] = mapped_column(default=None)
    submitted_at: Mapped[float | None] = mapped_column(default=None)
    ended_at: Mapped[float | None] = mapped_column(default=None)


class Completion(Base):
    """The answer of an LLM to the request of one slot, stored before it is parsed.

    `cost_usd` is None if the price of the model is unknown. `reject_reason` is set if no text was found in the whole
    answer (a refusal, an empty answer, no list).
    """

    __tablename__ = "completion"
    __table_args__ = (
        UniqueConstraint("arm_id", "label_id", "slot"),
        Index("ix_completion_facets", "arm_id", "model", "prompt_id"),
    )
    arm_id: Mapped[int] = mapped_column(ForeignKey("arm.id"))
    label_id: Mapped[int] = mapped_column(ForeignKey("label.id"))
    slot: Mapped[int]
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompt.id"), index=True)
    provider: Mapped[str] = mapped_column(String(50))
    model: Mapped[str] = mapped_column(String(200))
    request: Mapped[dict[str, Any]]
    content: Mapped[str]
    finish_reason: Mapped[str] = mapped_column(String(50))
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost_usd: Mapped[float | None]
    latency_s: Mapped[float]
    request_id: Mapped[str | None] = mapped_column(String(200), default=None)
    example_ids: Mapped[list[Any]] = mapped_column(default_factory=list)
    source_ids: Mapped[list[Any]] = mapped_column(default_factory=list, server_default="[]")
    attributes: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batch.id"), default=None)
    is_recorded: Mapped[bool] = mapped_column(default=False)
    parsed_at: Mapped[float | None] = mapped_column(default=None)
    reject_reason: Mapped[str | None] = mapped_column(String(100), default=None)


class Sample(Base):
    """A text of an arm. `label_id` is the label of the data set for a real text, the intended label for a synthetic text.

    `part` is the place of the text in its completion, or its row in the imported file. `weight`, above 0, is what the text counts for in
    a training that weighs texts; None if its file gives none.
    """

    __tablename__ = "sample"
    __table_args__ = (
        Index(
            "ux_sample_kept",
            "arm_id",
            "text_hash",
            unique=True,
            sqlite_where=text("status = 'kept'"),
            postgresql_where=text("status = 'kept'"),
        ),
        Index("ix_sample_read", "arm_id", "status", "split", "label_id"),
    )
    arm_id: Mapped[int] = mapped_column(ForeignKey("arm.id"))
    label_id: Mapped[int] = mapped_column(ForeignKey("label.id"))
    split: Mapped[Split]
    text: Mapped[str]
    text_hash: Mapped[str] = mapped_column(String(32))
    status: Mapped[SampleStatus] = mapped_column(default=SampleStatus.KEPT)
    reject_reason: Mapped[str | None] = mapped_column(String(100), default=None)
    import_id: Mapped[int | None] = mapped_column(ForeignKey("import.id"), default=None)
    completion_id: Mapped[int | None] = mapped_column(ForeignKey("completion.id"), default=None, index=True)
    part: Mapped[int] = mapped_column(default=0)
    weight: Mapped[float | None] = mapped_column(default=None)


class Judgement(Base):
    """A second label of a sample, given by an LLM judge or by a person; the label of the sample itself never changes.

    `judge` is the name of the judging model or of the person. `label_id` is None if the judge's answer names no label of
    the task.
    """

    __tablename__ = "judgement"
    __table_args__ = (
        UniqueConstraint("sample_id", "kind", "judge"),
        Index("ix_judgement_opinion", "kind", "sample_id", "label_id"),
    )
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id"))
    kind: Mapped[JudgementKind]
    judge: Mapped[str] = mapped_column(String(200))
    label_id: Mapped[int | None] = mapped_column(ForeignKey("label.id"))
    request: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    content: Mapped[str] = mapped_column(default="")
    tokens_in: Mapped[int] = mapped_column(default=0)
    tokens_out: Mapped[int] = mapped_column(default=0)
    cost_usd: Mapped[float | None] = mapped_column(default=None)
    latency_s: Mapped[float] = mapped_column(default=0.0)


class Continuation(Base):
    """The answer of an LLM that was given the first half of a real test text and asked for the second, stored before it is read."""

    __tablename__ = "continuation"
    __table_args__ = (UniqueConstraint("sample_id", "model", "wording"),)
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id"))
    model: Mapped[str] = mapped_column(String(200))
    wording: Mapped[Wording]
    request: Mapped[dict[str, Any]]
    content: Mapped[str]
    finish_reason: Mapped[str] = mapped_column(String(50))
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost_usd: Mapped[float | None]
    latency_s: Mapped[float]


class Regrouping(Base):
    """Groups of near-duplicate real texts that were moved whole to one side of the split between test and other texts.

    `moved` maps the `text_hash` of each moved real sample to its split before. `threshold` is the Jaccard similarity, in (0, 1],
    from which on two texts were near-duplicates. `undone_at` is the time at which the texts were moved back, else None.
    """

    __tablename__ = "regrouping"
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), index=True)
    side: Mapped[Split]
    threshold: Mapped[float]
    moved: Mapped[dict[str, Any]]
    undone_at: Mapped[float | None] = mapped_column(default=None)


class FrozenPlan(Base):
    """A plan of a study, written down before its results: it never changes; a changed plan is a new version.

    `sha256` is the digest of `content` as JSON with sorted keys and without spaces.
    """

    __tablename__ = "frozen_plan"
    __table_args__ = (UniqueConstraint("study_id", "version"),)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    version: Mapped[int]
    content: Mapped[dict[str, Any]]
    sha256: Mapped[str] = mapped_column(String(64))


class Run(Base):
    """One training of an encoder on an arm with one seed.

    `fingerprint` is a digest of data and settings: two runs of an arm never share a fingerprint, so no run is done twice.
    `facts` says how the run was trained (device, threads, dtype, versions, seconds, loss per step); empty until the run
    has finished. `n_real` is the number of real texts among the `n_train` of a mix; None for a run on the texts of one arm.
    """

    __tablename__ = "run"
    __table_args__ = (UniqueConstraint("arm_id", "fingerprint"),)
    arm_id: Mapped[int] = mapped_column(ForeignKey("arm.id"))
    encoder: Mapped[str] = mapped_column(String(200))
    seed: Mapped[int]
    n_train: Mapped[int]
    config: Mapped[dict[str, Any]]
    fingerprint: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"), default=None, index=True, info=POINTER)
    facts: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    finished_at: Mapped[float | None] = mapped_column(default=None)
    purpose: Mapped[Purpose] = mapped_column(default=Purpose.COMPARISON, server_default="comparison")
    n_real: Mapped[int | None] = mapped_column(default=None)


class Prediction(Base):
    """The label that a run predicts for one test sample; `probability` is its softmax probability, in [0, 1].

    `probabilities` are the softmax probabilities of all labels of the task, in the order of the labels' names; None for a
    run that was trained before they were stored.
    """

    __tablename__ = "prediction"
    __table_args__ = (UniqueConstraint("run_id", "sample_id"),)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id"))
    label_id: Mapped[int] = mapped_column(ForeignKey("label.id"))
    probability: Mapped[float]
    probabilities: Mapped[list[float] | None] = mapped_column(Shares, default=None)


class Job(Base):
    """A command line that runs in the background, with its state and progress.

    `attempt` is the fencing token: only the process of the newest attempt may change the row.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index(
            "ux_job_active_key",
            "key",
            unique=True,
            sqlite_where=text("state IN ('queued', 'starting', 'running', 'paused')"),
            postgresql_where=text("state IN ('queued', 'starting', 'running', 'paused')"),
        ),
        Index("ix_job_state", "state"),
    )
    title: Mapped[str] = mapped_column(String(200))
    command: Mapped[list[Any]]
    key: Mapped[str] = mapped_column(String(200))
    slot: Mapped[Slot] = mapped_column(named(Slot, length=10))
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"), default=None, index=True)
    backend: Mapped[str] = mapped_column(String(20), default="local")
    state: Mapped[JobState] = mapped_column(default=JobState.QUEUED)
    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    handle: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    progress: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    error: Mapped[str | None] = mapped_column(default=None)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    pause_requested: Mapped[bool] = mapped_column(default=False, server_default=false())
    resume_at: Mapped[float | None] = mapped_column(default=None)
    beat_at: Mapped[float | None] = mapped_column(default=None)
    started_at: Mapped[float | None] = mapped_column(default=None)
    finished_at: Mapped[float | None] = mapped_column(default=None)
