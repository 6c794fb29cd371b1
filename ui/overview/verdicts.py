"""The verdict on every task as a card: what to do in a word and a colour, the gap behind it, and the way to its reasons."""

import re
from typing import Literal

import streamlit as st
from sqlalchemy.orm import Session

from core.analysis import findings
from core.analysis.findings import Findings
from core.analysis.verdicts import verdict_words
from core.analysis.verdicts.verdict import MARGIN, Advice, Verdict
from core.study import tasks
from core.wording import counted, shown
from ui.shared import links
from ui.shared.words import plain

MOST, ACROSS = 12, 4  # cards, and cards of a row
INTERVAL, NO_BREAK = re.compile(r"\[[^\]]*\]"), "\u00a0"
WORDS = {
    Advice.GENERATE: "Generate",
    Advice.MIX: "Mix with real texts",
    Advice.COLLECT: "Collect real texts",
    Advice.PILOT: "Not decided yet",
}
COLOURS: dict[Advice, Literal["green", "blue", "red", "orange"]] = {
    Advice.GENERATE: "green",
    Advice.MIX: "blue",
    Advice.COLLECT: "red",
    Advice.PILOT: "orange",
}


def verdict_cards(session: Session, found: Findings) -> None:
    """Draw the verdict on each task of a study, the first `MOST` of them, at the margin that every page begins with."""
    known = tasks.tasks(session, found.study.id)
    st.header(f"What to do, if {verdict_words.margin_points(MARGIN)} can be lost", anchor=False)
    for first in range(0, min(len(known), MOST), ACROSS):
        row = known[first : min(first + ACROSS, MOST)]
        for column, task in zip(st.columns(ACROSS), row, strict=False):
            with column.container(border=True, height="stretch"):
                _card(task.name, findings.verdict_on(session, found, task.name, margin=MARGIN))
    if len(known) > MOST:
        st.caption(f"And {counted(len(known) - MOST, 'more task')}, on Verdict.")


def _card(task: str, said: Verdict) -> None:
    st.markdown(f"**{plain(shown(task))}**")
    if said.is_withheld:
        st.badge("No verdict yet", color="gray")
    else:
        st.badge(WORDS[said.advice], color=COLOURS[said.advice])
    st.caption(plain(INTERVAL.sub(lambda found: found[0].replace(" ", NO_BREAK), verdict_words.brief(said))))
    if st.button("Why", key=f"overview.why.{task}", type="tertiary", help=f"The verdict on {plain(shown(task))}"):
        st.session_state["pickers.task"] = task
        st.switch_page(links.page_file("verdict"))
