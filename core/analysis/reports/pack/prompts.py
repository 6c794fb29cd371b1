"""The appendix with every prompt that wrote a text of a study, word for word, in Markdown and LaTeX."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.analysis.reports.pack.markup import fenced, latex_text, with_head
from core.study.rows.study import Arm, Completion, Prompt, Study, Task
from core.wording import markdown_text


@dataclass(frozen=True)
class UsedPrompt:
    """A prompt version that answers came from: its task, arm, number of answers, and its parts with their names."""

    task: str
    arm: str
    version: int
    answers: int
    settings: str
    parts: tuple[tuple[str, str], ...]


def used(session: Session, study: Study) -> list[UsedPrompt]:
    """The prompt versions with stored answers, in the order of tasks, arms and versions."""
    query = (
        select(Task.name, Arm.name, Prompt, func.count(Completion.id))
        .join(Arm, Arm.id == Prompt.arm_id)
        .join(Task, Task.id == Arm.task_id)
        .join(Completion, Completion.prompt_id == Prompt.id)
        .where(Task.study_id == study.id)
        .group_by(Prompt.id, Task.name, Arm.name)
        .order_by(Prompt.arm_id, Prompt.version)
    )
    return [_used(*row) for row in session.execute(query)]


def _used(task: str, arm: str, prompt: Prompt, answers: int) -> UsedPrompt:
    told = (
        f"{prompt.texts_per_call} texts a call of about {prompt.words} words, {prompt.turns} turns, {prompt.examples} real examples, "
        f"{prompt.sources} texts to rewrite"
    )
    named = (("Context", prompt.context), ("Generation", prompt.generation), ("Diversity", prompt.diversity))
    grid = "\n".join(f"{name}: {values}" for name, values in prompt.attributes.items())
    parts = tuple((name, words) for name, words in (*named, ("Attributes", grid)) if words.strip())
    return UsedPrompt(task, arm, prompt.version, answers, told, parts)


def markdown(prompts: list[UsedPrompt]) -> str:
    """The appendix as Markdown."""
    parts = ["# Prompts"]
    for prompt in prompts:
        parts.append(f"## {markdown_text(prompt.task)}, {markdown_text(prompt.arm)}, version {prompt.version}")
        parts.append(f"{prompt.answers} answers; {prompt.settings}.")
        parts += [f"{name}:\n\n{fenced(words)}" for name, words in prompt.parts]
    return "\n\n".join(parts if prompts else [*parts, "No text of this study was written by a prompt."]) + "\n"


def latex(prompts: list[UsedPrompt]) -> str:
    """The appendix as LaTeX sections to \\input; line breaks of a prompt stay."""
    parts = [r"\section{Prompts}\label{app:prompts}"]
    for prompt in prompts:
        title = f"{latex_text(prompt.task)}, {latex_text(prompt.arm)}, version {prompt.version}"
        parts.append(rf"\subsection*{{{title}}}")
        parts.append(latex_text(f"{prompt.answers} answers; {prompt.settings}."))
        for name, asked in prompt.parts:
            lines = [latex_text(line) or r"\mbox{}" for line in asked.strip().splitlines()]
            body = "\\\\\n".join(lines)
            parts.append(
                rf"\paragraph{{{name}}}"
                + "\n"
                + r"\begin{quote}\small\ttfamily\raggedright"
                + f"\n{body}\n"
                + r"\end{quote}"
            )
    content = parts if prompts else [*parts, "No text of this study was written by a prompt."]
    return with_head("\n\n".join(content) + "\n")
