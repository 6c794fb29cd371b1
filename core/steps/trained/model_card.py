"""The model card of a kept model: its task, its training texts and who wrote them, its scores, and how to load it."""

import math
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.analysis.inference import gaps
from core.analysis.inference.gaps import Scored, SeedSpread
from core.interval import Interval
from core.study import tasks
from core.study.exchange.data_set import card
from core.study.rows.kinds import ArmKind, Purpose, Split
from core.study.rows.study import Arm, Completion, Prompt, Run, Sample, Study, Task
from core.training import runs, selection
from core.training.kept.folder import Keep
from core.training.settings import TrainingSettings, training_settings

SAMPLE = "This model was trained on the bundled **sample study**, whose texts were written for trying the program."
SYNTHETIC = (
    "**Trained on synthetic texts.** Their labels are those that the prompt asked for; they were not all checked by people. The terms "
    "of the makers of the language models may apply."
)
USE = """from transformers import pipeline

classify = pipeline("text-classification", model="path/of/this/folder")"""
NO_SEEDS = SeedSpread(0.0, math.inf)
REAL = "**Trained on real texts.** Their licence is that of their source, which this card does not know."


def text(session: Session, run_id: int, repeated: str = "") -> str:
    """The card as Markdown, with a head in YAML for the Hugging Face hub. `repeated`: a sentence about a repeated training."""
    run = runs.get(session, run_id)
    arm = session.get_one(Arm, run.arm_id)
    task = session.get_one(Task, arm.task_id)
    is_sample = session.get_one(Study, task.study_id).is_sample
    labels = sorted(tasks.labels_of(session, task.id), key=lambda label: label.name)
    described = ", ".join(
        f"{card.cell(label.name)} ({card.cell(label.description or 'no description')})" for label in labels
    )
    notes = runs.notes(session, run.id)
    has_synthetic = arm.kind != ArmKind.REAL
    notices = [
        *([SYNTHETIC] if has_synthetic else []),
        *([REAL] if not has_synthetic or run.n_real else []),
        *([SAMPLE] if is_sample else []),
    ]
    parts = [
        f"# {card.cell(task.name)}, trained on {card.cell(arm.name)}",
        f"A text classifier, fine-tuned by Litmus from `{_name(run.encoder)}`.",
        f"**Question:** {card.cell(task.question)}\n\n**Labels:** {described}",
        "\n\n".join(notices),
        f"## Training texts\n\n{_texts(session, run, arm, task)}",
        f"## Training\n\n{_training(run)}",
        "## Scores\n\n" + " ".join(filter(None, (_scores(session, run), _choice(run), repeated))),
        *(["## Cautions\n\n" + "\n".join(f"- {card.cell(note)}" for note in notes)] if notes else []),
        f"## Use\n\n```python\n{USE}\n```",
    ]  # fmt: skip
    head = yaml.safe_dump(_head(run, task, is_synthetic=has_synthetic), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n"


def _name(encoder: str) -> str:
    """The name of an encoder; of a folder only its last part, as paths of a machine are nobody else's business."""
    return Path(encoder).name if Path(encoder).is_dir() or Path(encoder).is_absolute() else encoder


def _choice(run: Run) -> str:
    """A sentence about a model that was chosen among seeds by its score; "" for any other."""
    if run.config.get("keep") == Keep.BEST or run.config.get("best_of_seeds"):
        return "It was kept for having the highest macro-F1 of the seeds of its arm on these very texts, so its score is a little too high."
    return ""


def _head(run: Run, task: Task, *, is_synthetic: bool) -> dict[str, Any]:
    return {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "license": card.NOT_KNOWN,
        "tags": ["litmus", *(["synthetic-training-data"] if is_synthetic else [])],
        "model_name": f"{task.name} (run {run.id})",
    }


def _texts(session: Session, run: Run, arm: Arm, task: Task) -> str:
    """How many texts the run was trained on, and the files, models and prompt versions they came from."""
    own, settings = run.n_train - (run.n_real or 0), training_settings(run.config["training"])
    lines = [
        f"{own:,} texts of the arm {card.cell(arm.name)}"
        + (f", and {run.n_real:,} real texts" if run.n_real else "")
        + ":"
    ]
    lines += [f"- {line}" for line in _writers(session, _chosen(session, run, arm, task, settings))]
    return "\n".join(lines)


def _chosen(session: Session, run: Run, arm: Arm, task: Task, settings: TrainingSettings) -> list[int]:
    """The ids of the texts that the run was trained on."""
    test = selection.test_samples(session, task)
    if run.purpose == Purpose.SEED_STUDENT:
        chosen = selection.pool_texts(session, arm, test=test, seed=run.seed, settings=settings).chosen
    else:
        chosen = selection.run_texts(
            session, arm, test=test, n=run.n_train, seed=run.seed, settings=settings, n_real=run.n_real
        ).chosen
    return [int(sample_id) for sample_id in chosen["sample_id"]]


def _writers(session: Session, sample_ids: list[int]) -> list[str]:
    """Who wrote texts: "120 written by openai/gpt-4o-mini with prompt version 2", or "12 imported from files"."""
    query = (
        select(Completion.provider, Completion.model, Prompt.version, Completion.is_recorded, func.count(Sample.id))
        .select_from(Sample)
        .outerjoin(Completion, Completion.id == Sample.completion_id)
        .outerjoin(Prompt, Prompt.id == Completion.prompt_id)
        .where(Sample.id.in_(sample_ids))
        .group_by(Completion.provider, Completion.model, Prompt.version, Completion.is_recorded)
        .order_by(func.count(Sample.id).desc(), Completion.model)
    )
    return [
        f"{n:,} imported from files" if provider is None else
        f"{n:,} written by {card.cell(f'{provider}/{model}')} with prompt version {version}"
        f"{' (recorded beforehand)' if is_recorded else ''}"
        for provider, model, version, is_recorded, n in session.execute(query)
    ]  # fmt: skip


def _training(run: Run) -> str:
    told = ", ".join(f"{name} {value}" for name, value in sorted(run.config["training"].items()))
    facts = run.facts
    where = ", ".join(
        f"{name} {facts[name]}" for name in ("device", "dtype", "torch", "transformers") if facts.get(name)
    )
    return f"Seed {run.seed}. {told}." + (f" {where}." if where else "")


def _scores(session: Session, run: Run) -> str:
    """Macro-F1 and accuracy on the real test texts with intervals, beside the commonest label's accuracy."""
    found = runs.predictions(session, run.id)
    if found.empty:
        return "No predictions of this run are stored."
    truth, answer = found["label"].to_numpy(), found["predicted"].to_numpy()
    codes = {name: place for place, name in enumerate(sorted({*truth, *answer}))}
    pair = ([codes[name] for name in truth], [[codes[name] for name in answer]])
    macro_f1, accuracy = (_on_new_texts(measure(*pair)) for measure in (gaps.macro_f1, gaps.accuracy))
    commonest = found["label"].value_counts(normalize=True).iloc[0]
    return (
        f"On {len(found):,} real {Split.TEST} texts: macro-F1 {macro_f1.text()}, accuracy {accuracy.text()} (95 % "
        f"intervals for new test texts; another seed gives another model). Always the commonest label: accuracy {commonest:.2f}."
    )


def _on_new_texts(scored: Scored) -> Interval:
    """The score of one trained model, with a 95 % interval for new test texts alone: without the spread of other seeds."""
    return gaps.mean_score(scored, spread=NO_SEEDS)


def run_of_study(session: Session, run_id: int) -> tuple[Study, Run]:
    """The study of a run, and the run. Raises `StudyError` if there is no such run."""
    run = runs.get(session, run_id)
    query = select(Task.study_id).join(Arm, Arm.task_id == Task.id).where(Arm.id == run.arm_id)
    return session.get_one(Study, session.scalars(query).one()), run
