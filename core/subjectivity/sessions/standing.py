"""Summarise the progress and the agreement of a campaign in a sentence."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.rows.kinds import RaterKind
from core.study.rows.sessions import Campaign, Rater
from core.subjectivity import results
from core.subjectivity.sessions import live
from core.subjectivity.sessions.live import Live
from core.wording import counted


@dataclass(frozen=True)
class Standing:
    """The progress of a campaign.

    `live`: numbers of raters and answers. `simulated`: whether some raters are simulated. `llm_raters`: number of LLM
    raters. `agreement`: the agreement of people with its interval, in words; "" without answers.
    """

    live: Live
    simulated: bool
    llm_raters: int
    agreement: str

    @property
    def sentence(self) -> str:
        """The progress in a sentence: answers, raters, agreement."""
        now = self.live
        done = f"{now.wanted - now.missing:,} of {now.wanted:,} answers" if now.wanted else f"{now.answers:,} answers"
        words = [done, counted(now.raters.rating, "rater")]
        words += [f"{now.raters.turned_away:,} turned away"] if now.raters.turned_away else []
        words += [f"{now.raters.excluded:,} excluded"] if now.raters.excluded else []
        words += [f"{now.raters.active} rating now"] if now.raters.active else []
        words += [f"{self.llm_raters} LLM rater{'s' if self.llm_raters != 1 else ''}"] if self.llm_raters else []
        return " · ".join([*words, self.agreement] if self.agreement else words)


def of(session: Session, campaign: Campaign, *, now: float, agreement: str | None = None) -> Standing:
    """Read the progress of a campaign at the time `now`; `agreement` in words, if it was computed before."""
    query = select(Rater.kind, func.count(Rater.id)).where(Rater.campaign_id == campaign.id).group_by(Rater.kind)
    kinds = dict(session.execute(query).all())
    return Standing(
        live=live.of(session, campaign, now=now),
        simulated=kinds.get(RaterKind.SIMULATED, 0) > 0,
        llm_raters=kinds.get(RaterKind.LLM, 0),
        agreement=results.words(results.given(session, campaign), campaign) if agreement is None else agreement,
    )
