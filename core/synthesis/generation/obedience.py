"""How far the models of an arm followed the prompt: texts that did not come, repeat the prompt, or name their label"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from core.llm import text as llm_text
from core.study.rows.kinds import SampleStatus
from core.study.rows.study import Completion, Label, Prompt, Sample
from core.synthesis.parsing import slips
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import versions

LOOKED_AT = 1000  # newest kept texts whose label names are counted
ENOUGH = 0.9  # of the texts asked for: fewer are said
ANSWERS_TO_JUDGE = 4  # before a prompt is found to bring too few texts a call
NOT_READ = (  # why the parser takes a piece of an answer for none of the texts that were asked for
    llm_text.CUT, parsing.TOO_SHORT, parsing.TOO_LONG, parsing.OTHER_LABEL, parsing.OUTSIDE, slips.ECHO, slips.SPEAKS_OF_LABEL,
)  # fmt: skip


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


def is_poor(answers: int, *, texts: int, texts_per_call: int, is_free: bool) -> bool:
    """Whether one text a call is better than a prompt whose answers brought so many texts.

    That is so if under half of the texts came, and asking for one costs nothing, or no more for each text.
    """
    is_short = answers >= ANSWERS_TO_JUDGE and texts_per_call > 1 and 2 * texts < answers * texts_per_call
    return is_short and (is_free or texts <= answers)


def tells(n_texts: int, rejected: Collection[str]) -> bool:
    """Whether an answer tells how many texts a call brings; one that no list could be in, such as a refusal, does not."""
    return n_texts > 0 or parsing.NO_LIST in rejected or slips.ECHO in rejected


def _brought_too_few(session: Session, arm_id: int) -> bool:
    """Whether a generation would have left the version before an arm's newest by itself; else a person changed it."""
    before = versions.versions(session, arm_id)[1]
    reason = func.coalesce(Sample.reject_reason, "")
    brought = case((and_(Sample.id.is_not(None), reason.not_in(NOT_READ)), 1), else_=0)
    answers = (
        select(
            Completion.reject_reason,
            Completion.cost_usd,
            func.sum(brought),
            func.sum(case((reason == slips.ECHO, 1), else_=0)),
        )
        .outerjoin(Sample, Sample.completion_id == Completion.id)
        .where(Completion.prompt_id == before.id, Completion.is_recorded.is_(False), Completion.batch_id.is_(None))
        .group_by(Completion.id, Completion.reject_reason, Completion.cost_usd)
    )
    rows = session.execute(answers).all()
    telling = [n for why, _, n, echoes in rows if tells(n, [why or "", *([slips.ECHO] if echoes else [])])]
    is_free = all(cost == 0 for _, cost, _, _ in rows)
    return is_poor(len(telling), texts=sum(telling), texts_per_call=before.texts_per_call, is_free=is_free)


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
