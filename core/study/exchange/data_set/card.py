"""Write the README (data set card) of an exported task: origin of the texts, prompts, labels, columns of the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.exchange import addresses
from core.study.rows.kinds import ArmKind, SampleStatus
from core.study.rows.study import Arm, Completion, Import, Prompt, Sample, Study, Task
from core.wording import counted

NOT_KNOWN = "other"
MEANINGS = {
    "label": "the label of the text: that of the data set for a real text, the intended label for a synthetic text",
    "label_intended": "the label that the prompt asked for; empty for real texts",
    "label_judge": "the newest label by an LLM judge; empty if no judge was asked or its answer named no label",
    "label_human": "the newest label by a person who looked at the text; empty if there is no such label",
    "kind": "the kind of training data in the arm",
    "synthetic": "whether a model wrote the text",
    "split": "train, validation, test, or pool (real texts that prompts may show)",
    "weight": "what the text counts for in a training that weighs texts, as its file gave it; missing where the file gave none",
    "file": "the file from which the text was imported",
    "recorded": "whether the completion was recorded beforehand, not made for this study",
    "attributes": "the attribute values drawn for the call, as JSON",
    "part": "the place of the text in its completion, or its row in the file",
    "tokens_in": "tokens of the request of the whole completion; add up once per completion_id",
    "tokens_out": "tokens of the whole completion; add up once per completion_id",
    "cost_usd": "cost of the whole completion in US dollars, empty if the price is unknown; add up once per completion_id",
    "created_at": "time at which the text was stored, UTC",
}


@dataclass(frozen=True)
class Config:
    """One arm in the exported files: the name of its folder, and the number of rows of each split."""

    arm: Arm
    name: str
    rows: Mapping[str, int]


def text(session: Session, task: Task, configs: Sequence[Config], *, format: str, columns: Sequence[str]) -> str:
    """The card as Markdown, with a head in YAML for the Hugging Face hub.

    `format` is the file ending of the exported files, `columns` are their columns.
    """
    head = yaml.safe_dump(_head(task, configs, format), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{body(session, task, configs)}\n\n## Columns\n\n{_columns(columns)}\n"


def body(session: Session, task: Task, configs: Sequence[Config]) -> str:
    """The card without its head and without the columns of files: question, labels, notices, arms, and origins of the texts."""
    labels = tasks.labels_of(session, task.id)
    described = ", ".join(f"{cell(label.name)} ({cell(label.description or 'no description')})" for label in labels)
    parts = [
        f"# {cell(task.name)}",
        f"Texts for one classification task, exported from a study of real and LLM-written training data (Litmus).\n\n"
        f"**Question:** {cell(task.question)}\n\n**Labels:** {described}",
        _notices(session, task, configs),
        f"## Arms\n\n{_arms(configs)}",
        *(_origins(session, config) for config in configs),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(task: Task, configs: Sequence[Config], format: str) -> dict[str, Any]:
    is_synthetic = any(config.arm.kind != ArmKind.REAL for config in configs)
    return {
        "pretty_name": task.name,
        "license": NOT_KNOWN,
        "task_categories": ["text-classification"],
        "tags": ["litmus", *(["synthetic"] if is_synthetic else [])],
        "configs": [
            {
                "config_name": config.name,
                "data_files": [
                    {"split": str(split), "path": f"data/{config.name}/{split}.{format}"} for split in config.rows
                ],
            }
            for config in configs
        ],
    }


def _notices(session: Session, task: Task, configs: Sequence[Config]) -> str:
    """Notices about synthetic texts, licences, the sample study and recorded completions."""
    real = [config.arm.name for config in configs if config.arm.kind == ArmKind.REAL]
    synthetic = [config.arm.name for config in configs if config.arm.kind != ArmKind.REAL]
    notices = []
    if synthetic:
        notices.append(
            f"**Synthetic** texts: {_listed(synthetic)}. Their label is the label that the prompt asked for; it was checked only "
            "where a label by a judge or a person is given too. The terms of the makers of the models may apply."
        )
    if real:
        notices.append(
            f"**Real** texts: {_listed(real)}, from the files named below. Their licence is that of their "
            "source, which this card does not know."
        )
    if session.get_one(Study, task.study_id).is_sample:
        notices.append("This is the bundled **sample study**: its texts were written for trying the program.")
    recorded = select(func.count(Completion.id)).where(
        Completion.arm_id.in_([config.arm.id for config in configs]), Completion.is_recorded.is_(True)
    )
    if session.scalar(recorded):
        notices.append("Some completions were **recorded beforehand** (column `recorded`).")
    return "\n\n".join(notices)


def _arms(configs: Sequence[Config]) -> str:
    lines = ["| arm | configuration | kind | split | rows |", "|---|---|---|---|---:|"]
    for config in configs:
        start = f"| {cell(config.arm.name)} | `{config.name}` | {config.arm.kind}"
        lines += [f"{start} | {split} | {n} |" for split, n in config.rows.items()]
    return "\n".join(lines)


def _origins(session: Session, config: Config) -> str:
    """The section about one arm: its files, its models, and the full text of every prompt version in use."""
    kept = (Sample.arm_id == config.arm.id, Sample.status == SampleStatus.KEPT)
    files = session.execute(
        select(Import.file, Import.options, func.count(Sample.id))
        .join(Sample, Sample.import_id == Import.id)
        .where(*kept)
        .group_by(Import.id)
        .order_by(Import.id)
    )
    models = session.execute(
        select(Completion.model, func.count(Sample.id))
        .join(Sample, Sample.completion_id == Completion.id)
        .where(*kept)
        .group_by(Completion.model)
        .order_by(func.count(Sample.id).desc(), Completion.model)
    )
    used = select(Completion.prompt_id).join(Sample, Sample.completion_id == Completion.id).where(*kept).distinct()
    prompts = session.scalars(select(Prompt).where(Prompt.id.in_(used)).order_by(Prompt.version))
    lines = [f"- {counted(n, 'text')} from the file {cell(file)}{_revision(options)}" for file, options, n in files]
    lines += [f"- {counted(n, 'text')} by the model {cell(addresses.without_key(model))}" for model, n in models]
    found = "\n\n".join(_prompt(prompt) for prompt in prompts)
    return "\n\n".join(part for part in (f"## {cell(config.arm.name)}", "\n".join(lines), found) if part)


def _revision(options: Mapping[str, Any]) -> str:
    source = options.get("source") or {}
    return f", data set {cell(source['dataset'])} at revision {cell(source['revision'])}" if source else ""


def _prompt(prompt: Prompt) -> str:
    settings = ", ".join(
        (
            f"{counted(prompt.texts_per_call, 'text')} a call of about {counted(prompt.words, 'word')}",
            counted(prompt.turns, "turn"),
            counted(prompt.examples, "real example"),
        )
    )
    parts = [("Context", prompt.context), ("Generation", prompt.generation), ("Diversity", prompt.diversity)]
    shown = "\n\n".join(f"{name}:\n\n{_fenced(words)}" for name, words in parts if words.strip())
    attributes = f"\n\nAttributes: `{prompt.attributes}`".replace("``", "`") if prompt.attributes else ""
    return f"### Prompt version {prompt.version}\n\n{settings}.{attributes}\n\n{shown}"


def _fenced(words: str) -> str:
    fence = "```"
    while fence in words:
        fence += "`"
    return f"{fence}text\n{words.strip()}\n{fence}"


def _columns(columns: Sequence[str]) -> str:
    lines = ["| column | meaning |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {MEANINGS.get(name, name.replace('_', ' '))} |" for name in columns)])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(cell(name) for name in names)


def cell(words: str) -> str:
    """The words on one line, escaped so that Markdown shows them unchanged."""
    line = " ".join(words.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#!" else sign for sign in line)
