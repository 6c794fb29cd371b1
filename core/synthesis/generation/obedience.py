"""How far the models of an arm followed the prompt: texts that did not come, repeat the prompt, or name their label"""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.rows.kinds import SampleStatus
from core.study.rows.study import Completion, Label, Prompt, Sample
from core.synthesis.parsing import slips
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import versions

LOOKED_AT = 1000  # newest kept texts whose label names are counted
ENOUGH = 0.9  # of the texts asked for: fewer are said
ANSWERS_TO_JUDGE = 4  # before a prompt is found to bring too few texts a call


@dataclass(frozen=True)
class Obedience:
    """What a model made of the prompt.

    asked: texts asked for in `answers` answers; written: texts in these answers, kept or not.
    echoes, speaking: texts that were not kept because they repeat the prompt, or say which label they have.
    looked_at, naming: kept texts looked at, and those of them that contain the name of their own label.
    """

    model: str
    answers: int
    asked: int
    written: int
    echoes: int = 0
    speaking: int = 0
    looked_at: int = 0
    naming: int = 0

    @property
    def sentences(self) -> list[str]:
        """What went wrong, each with its count and what to do; empty if nothing did."""
        said = []
        if self.asked and self.written < ENOUGH * self.asked:
            said.append(
                f"{self.model} wrote {self.written:,} of the {self.asked:,} texts that {self.answers:,} calls asked for: ask "
                "for fewer texts a call, or use a larger model."
            )
        if self.echoes:
            said.append(
                f"{self.echoes:,} texts of {self.model} repeat the prompt and were not kept: use a shorter prompt or a larger "
                "model."
            )
        if self.speaking:
            said.append(f"{self.speaking:,} texts of {self.model} say which label they have and were not kept.")
        if self.naming:
            said.append(
                f"{self.naming:,} of {self.looked_at:,} usable texts of {self.model} contain the name of their own label: a "
                "classifier can learn the name in place of the task. Read these texts, and reject what is junk."
            )
        return said


def sentences(session: Session, arm_id: int) -> list[str]:
    """What went wrong with each model of an arm, and whether the prompt was changed to one text a call because of that."""
    said = [sentence for found in of(session, arm_id) for sentence in found.sentences]
    if (changed := versions.fallback(session, arm_id)) and _brought_too_few(session, arm_id):
        said.append(
            f"The first answers brought too few texts a call, so version {changed[0].version} of the prompt asks for one text "
            "a call."
        )
    return said


def _brought_too_few(session: Session, arm_id: int) -> bool:
    """Whether the version before an arm's newest had answers enough to be judged, with too few texts; else a person changed it."""
    before = versions.versions(session, arm_id)[1]
    of_version = Completion.prompt_id == before.id
    answers = session.scalar(select(func.count(Completion.id)).where(of_version)) or 0
    texts = select(func.count(Sample.id)).join(Completion, Completion.id == Sample.completion_id).where(of_version)
    written = session.scalar(texts.where(func.coalesce(Sample.reject_reason, "") != parsing.OUTSIDE)) or 0
    return answers >= ANSWERS_TO_JUDGE and written < ENOUGH * answers * before.texts_per_call


def of(session: Session, arm_id: int) -> list[Obedience]:
    """How far each model followed the prompts of an arm, the model with most answers first; recorded answers count as well."""
    calls = (
        select(Completion.model, func.count(Completion.id), func.sum(Prompt.texts_per_call))
        .join(Prompt, Prompt.id == Completion.prompt_id)
        .where(Completion.arm_id == arm_id)
        .group_by(Completion.model)
        .order_by(func.count(Completion.id).desc(), Completion.model)
    )
    texts = (
        select(Completion.model, Sample.reject_reason, func.count(Sample.id))
        .join(Sample, Sample.completion_id == Completion.id)
        .where(Completion.arm_id == arm_id, func.coalesce(Sample.reject_reason, "") != parsing.OUTSIDE)
        .group_by(Completion.model, Sample.reject_reason)
    )
    reasons: dict[str, Counter[str]] = {}
    for model, reason, n in session.execute(texts):
        reasons.setdefault(model, Counter())[reason or ""] += n
    named = _naming(session, arm_id)
    found = []
    for model, answers, asked in session.execute(calls):
        counts = reasons.get(model, Counter())
        looked_at, naming = named.get(model, (0, 0))
        found.append(
            Obedience(
                model, answers, int(asked or 0), sum(counts.values()), counts[slips.ECHO], counts[slips.SPEAKS_OF_LABEL],
                looked_at, naming,
            )
        )  # fmt: skip
    return found


def _naming(session: Session, arm_id: int) -> dict[str, tuple[int, int]]:
    """Model -> newest kept texts looked at, and those that contain the name of their own label."""
    newest = (
        select(Completion.model, Label.name, Sample.text)
        .join(Completion, Completion.id == Sample.completion_id)
        .join(Label, Label.id == Sample.label_id)
        .where(Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT)
        .order_by(Sample.id.desc())
        .limit(LOOKED_AT)
    )
    looked_at, naming = Counter[str](), Counter[str]()
    for model, label, text in session.execute(newest):
        looked_at[model] += 1
        naming[model] += slips.names_label(text, label)
    return {model: (n, naming[model]) for model, n in looked_at.items()}
