"""Ask a model which kinds of texts fall under each label, as values of an attribute, so that every kind gets written."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm import text as llm_text
from core.llm.answers import Provider, SlotKey
from core.llm.money import budget
from core.study import tasks
from core.study.rows.kinds import TrialKind
from core.study.rows.study import Arm, Label, Study, Task, Trial
from core.study.store import Store
from core.synthesis.limits import TRY_WITHOUT_BUDGET, TryLimits
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import versions
from core.synthesis.prompts.drafts import Draft
from core.synthesis.trials import trials

MOST_CHARACTERS = 200

CONTEXT = """\
You help to plan a varied collection of texts. Its readers answer one question about each text: {question}
Their possible answers, called labels:
{labels}"""

ASK = """\
Label: {label}
Meaning of the label: {description}
Number of kinds: {n}

Into which kinds do texts with this label fall? Name that many, so that together they cover what is written in practice \
and no two overlap: common ones and rarer ones, plain ones and ones that are easily mistaken for another label. What \
sets a kind apart may be what is said, how it is said, or why. Describe each kind in three to ten words, so exactly \
that a writer could produce texts of just that kind.

Answer with a plain numbered list, one kind per line, without explanations, and nothing before or after the list."""


def ask(
    store: Store, provider: Provider, *, arm_id: int, n: int = 8, limits: TryLimits = TRY_WITHOUT_BUDGET
) -> dict[str, list[str]]:
    """Ask a model for up to `n` kinds of texts for each label of the arm's task, and return the kinds by label name.

    One call for each label, side by side. Each answer is stored as a `Trial` before it is read, also a refusal. Raises
    `StudyError` that names every label without kinds, also if the budget had no room for its call.
    """
    draft = Draft(CONTEXT, ASK, diversity="", texts_per_call=n, turns=1, words=10)
    versions.check(draft)
    with store() as session:
        arm = session.get_one(Arm, arm_id)
        task = session.get_one(Task, arm.task_id)
        study = session.get_one(Study, task.study_id)
        labels = tasks.labels_of(session, task.id)
    room = budget.answer_limit(texts_per_call=n, words=draft.words)
    with trials.few_calls(store, arm_id=arm_id, limits=limits, calls=len(labels)) as spending:
        with store() as session:
            number = session.scalar(select(func.count(Trial.id)).where(Trial.arm_id == arm_id)) or 0
        turns = asyncio.Semaphore(limits.concurrency)

        async def asked(label: Label) -> Trial:
            key = SlotKey(study=study.name, task=task.name, arm=arm.name, label=label.name, index=0)
            call = trials.OneCall(
                versions.render(draft, task=task, label=label, labels=labels),
                trials.trial_key(key, number=number),
                {"arm_id": arm_id, "label_id": label.id, **trials.of_draft(draft), "kind": TrialKind.KINDS},
                room=room,
            )
            async with turns:
                return await trials.ask(store, provider, call, spending=spending)

        async def together() -> list[Trial | BaseException]:
            try:
                return await asyncio.gather(*(asked(label) for label in labels), return_exceptions=True)
            finally:
                await provider.close()

        came = asyncio.run(together())
    return _kinds(labels, came, n=n)


def _kinds(labels: Sequence[Label], came: Sequence[Trial | BaseException], *, n: int) -> dict[str, list[str]]:
    """The kinds of each label, given an answer or an error for each. Raises `StudyError` for the labels without kinds."""
    found, failed = {}, list[StudyError]()
    for label, answer in zip(labels, came, strict=True):
        try:
            if isinstance(answer, BaseException):
                raise answer
            found[label.name] = _read(answer, label, n=n)
        except StudyError as error:
            failed.append(error)
    if found and failed:
        raise StudyError(" ".join([*map(str, failed), f"Those for {', '.join(map(repr, found))} are stored."]))
    if failed:
        raise failed[0]
    return found


def newest(session: Session, *, arm_id: int) -> dict[str, list[str]]:
    """The kinds that a model listed last for each label of an arm's task, by label name; empty unless each label has kinds."""
    listed = select(Trial, Label).join(Label, Label.id == Trial.label_id)
    listed = listed.where(Trial.arm_id == arm_id, Trial.kind == TrialKind.KINDS).order_by(Trial.id)
    found: dict[str, list[str]] = {}
    for trial, label in session.execute(listed):
        try:
            found[label.name] = _read(trial, label, n=int(trial.draft["texts_per_call"]))
        except StudyError:
            continue
    labels = tasks.labels_of(session, session.get_one(Arm, arm_id).task_id)
    return found if len(found) == len(labels) else {}


def _read(trial: Trial, label: Label, *, n: int) -> list[str]:
    """The kinds in an answer. Raises `StudyError` if it holds no kind.

    Unlike a text, a kind may be a single short word, and it ends without a full stop.
    """
    parsed = parsing.parse(trial.content, finish_reason=trial.finish_reason, expected=n)
    short = [text for text, reason in parsed.rejected if reason == parsing.TOO_SHORT]
    found = _distinct([kind.replace("|", "/").rstrip(" .;,") for kind in [*parsed.texts, *short]])
    if not found:
        why = parsed.reason or "nothing in the answer reads as a kind"
        if trial.finish_reason in (llm_text.PROMPT_REFUSED, llm_text.PROMPT_TOO_LONG):
            why = f"{why}: {trial.content}"
        raise StudyError(f"No kinds of texts came for {label.name!r} ({why}). Ask again, or write them yourself.")
    return found[:n]


def _distinct(kinds: Sequence[str]) -> list[str]:
    """The kinds of up to 200 characters, each once whatever its case, in their order."""
    by_sense = {kind.casefold(): kind for kind in reversed(kinds) if 0 < len(kind) <= MOST_CHARACTERS}
    return list(reversed(by_sense.values()))
