"""What stands around a verdict: what each way costs, and what would change the advice."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.analysis import findings
from core.analysis.arms import costs
from core.analysis.findings import Findings
from core.analysis.inference.power import Noise
from core.analysis.verdicts import verdict_words
from core.analysis.verdicts.verdict import ArmVerdict, Verdict
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.wording import counted, percent

MARGINS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3)
MORE_TEXTS, MORE_SEEDS = 4, 10  # times as many test texts; seeds in all
WORTH_SAYING = 0.9  # an interval that keeps more than this share of its width is not worth the effort


@dataclass(frozen=True)
class Around:
    """Sentences beside a verdict. `costs`: one for each arm. `changes`: other margins with other advice, and measurements that would
    narrow the interval."""

    costs: tuple[str, ...]
    changes: tuple[str, ...]


def of_verdict(session: Session, found: Findings, said: Verdict) -> Around:
    """What stands around the verdict on a task of the study."""
    return Around(tuple(_costs(session, found, said.task)), tuple(_changes(session, found, said)))


def _costs(session: Session, found: Findings, task_name: str) -> list[str]:
    task = tasks.get_task(session, found.study.id, task_name)
    sentences, has_price = [], False
    for arm in tasks.arms(session, task.id):
        cost = costs.of_arm(session, arm)
        if not cost.kept:
            continue
        texts = counted(cost.kept, "kept training text")
        if arm.kind == ArmKind.REAL:
            sentences.append(f"real: {texts}. {cost.note}")
        elif cost.usd is None:
            sentences.append(f"{arm.name}: {texts}. {cost.note}")
        else:
            paid = counted(cost.generated, "kept training text")
            each = f", ${cost.usd_per_1000:,.2f} per 1,000" if cost.generated else ""
            sentences.append(f"{arm.name}: {paid} for ${cost.usd:,.2f}{each}. {cost.note}".strip())
            has_price = True
    if has_price and sentences[0].startswith("real:"):
        sentences[0] += " Put your own price of a labelled text beside the prices below."
    return sentences


def _changes(session: Session, found: Findings, said: Verdict) -> list[str]:
    if said.is_withheld:
        return []
    sentences = _other_margins(session, found, said)
    named = next(arm for arm in said.arms if arm.arm == said.arm)
    sentences += _more_measuring(named)
    if said.subjectivity is None and not said.is_uncompared and set(found.gaps["task"]) - {said.task}:
        sentences.append(
            "Ratings of this task, and of the other tasks that were trained, would let those say more about it."
        )
    if not named.own:
        sentences.append(
            f"Trainings of this task on real and on {said.arm} texts would replace the expectation by a measurement."
        )
    elif named.unconverged:
        sentences.append("Longer training may move the gap: some of its runs had not converged.")
    return sentences


def _other_margins(session: Session, found: Findings, said: Verdict) -> list[str]:
    """The nearest smaller and the nearest larger margin at which the advice is another."""
    sentences = []
    for margins, edge in (
        (sorted((m for m in MARGINS if m < said.margin), reverse=True), "only"),
        ([m for m in MARGINS if m > said.margin], "up to"),
    ):
        for margin in margins:
            other = findings.verdict_on(session, found, said.task, margin=margin)
            if other.advice != said.advice:
                advice = verdict_words.advised(other)
                sentences.append(f"If you could lose {edge} {verdict_words.margin_points(margin)}: {advice}")
                break
    return sentences


def _more_measuring(arm: ArmVerdict) -> list[str]:
    """By how much more test texts, or more seeds, would narrow the measured interval, with the spread that is usual."""
    if not arm.own:
        return []
    own = arm.own[0].gap
    noise, seeds = Noise(), min(own.n_seeds)
    now = noise.gap_error(seeds=seeds, texts=own.n_texts)
    more = {
        f"{MORE_TEXTS * own.n_texts:,} test texts in place of {own.n_texts:,}": noise.gap_error(
            seeds=seeds, texts=MORE_TEXTS * own.n_texts
        ),
        f"{MORE_SEEDS} seeds in place of {seeds}": noise.gap_error(seeds=max(seeds, MORE_SEEDS), texts=own.n_texts),
    }
    return [
        f"{what} would narrow the interval of the measured gap by about {percent(1 - error / now)}, "
        "if texts and seeds vary as they usually do."
        for what, error in more.items()
        if error / now < WORTH_SAYING
    ]
