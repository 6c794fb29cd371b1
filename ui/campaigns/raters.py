"""The raters of a campaign: how each rater answers, and how to exclude a rater or count the rater again."""

import time

import streamlit as st

from core.study.exchange import spreadsheets
from core.study.rows.kinds import RaterKind
from core.study.rows.sessions import Campaign
from core.subjectivity.sessions import conduct, roster
from core.wording import counted
from ui.campaigns import reads
from ui.shared import resources
from ui.shared.tables import choose_row
from ui.shared.words import keep_refusal, plain, set_notice

KINDS = {
    RaterKind.PERSON: "person",
    RaterKind.IMPORTED: "person",
    RaterKind.SIMULATED: "simulated",
    RaterKind.LLM: "LLM",
}
FIRST = ("rater", "kind", "state", "answers", "warned", "excluded")
COUNTED_AGAIN = (
    "The answers count again. A session that the exclusion ended goes on when the rater comes back, and ends with the code of a "
    "completed session. Where a rule excluded the rater, rules only warn from then on."
)
OPTIONAL = ("skips", "attention", "gold", "warned", "excluded")


def raters_view(campaign: Campaign) -> None:
    """Draw a table of the raters; the chosen rater can be excluded or counted again."""
    table = reads.raters(campaign)
    if table.empty:
        st.info("No rater has come yet.")
        return
    excluded = int((table["excluded"] != "").sum())
    count = counted(len(table), "rater") + (f", {excluded} of them excluded" if excluded else "")
    st.caption(f"{count}. Choose a rater to exclude or to count again. Names are pseudonyms.")
    shown = table.drop(columns="id").assign(kind=[KINDS[kind] for kind in table["kind"]])
    shown["state"] = shown["state"].str.replace("-", " ")
    empty = [name for name in OPTIONAL if not shown[name].astype(bool).any()]
    shown = shown.drop(columns=empty + (["kind"] if shown["kind"].nunique() == 1 else []))
    first = [name for name in FIRST if name in shown.columns]
    shown = shown[first + [name for name in shown.columns if name not in first]]
    changes = st.session_state.get("raters.changes", 0)
    chosen = choose_row(shown, key=f"raters.table.{campaign.id}.{changes}")
    checks = "" if {"attention", "gold"}.isdisjoint(shown.columns) else " Attention, gold: right answers of those seen."
    st.caption(
        "With others: mean share of the other raters of the same items who gave the same answer. Longest run: the most equal "
        f"answers in a row.{checks}"
    )
    if chosen is not None:
        row = table.iloc[chosen]
        _rater(int(row["id"]), str(row["rater"]), excluded=str(row["excluded"]))
    _panel(campaign)


def _rater(rater_id: int, name: str, *, excluded: str) -> None:
    """Draw the buttons for one rater; `excluded` is the reason for the exclusion, "" if there is none."""
    with st.container(border=True):
        st.markdown(f"**{plain(name)}**")
        if excluded:
            st.caption(plain(f"Excluded because: {excluded}"))
            st.button("Count again", key=f"raters.include.{rater_id}", on_click=_include, args=(rater_id,))
            st.caption(COUNTED_AGAIN)
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            key = f"raters.because.{rater_id}"
            st.text_input("Reason", key=key, placeholder="by the organiser", max_chars=200, width=320)
            st.button("Exclude", key=f"raters.exclude.{rater_id}", on_click=_exclude, args=(rater_id, key))
        st.caption("The answers stay in the raw data, flagged, and count in no statistic.")


def _exclude(rater_id: int, key: str) -> None:
    because = str(st.session_state.get(key, ""))
    with keep_refusal():
        with resources.store().write() as session:
            conduct.exclude(session, rater_id=rater_id, because=because, now=time.time())
        _changed("The rater counts in no statistic from now on.")


def _include(rater_id: int) -> None:
    with keep_refusal():
        with resources.store().write() as session:
            conduct.include(session, rater_id=rater_id, now=time.time())
        _changed("The rater counts again.")


def _changed(message: str) -> None:
    """Give the table a new key, so that no row stays chosen, and keep a notice."""
    st.session_state["raters.changes"] = st.session_state.get("raters.changes", 0) + 1
    set_notice(message)


def _panel(campaign: Campaign) -> None:
    """Offer the panel's ids of persons as a download, for payment only."""
    with resources.store()() as session:
        people = roster.panel(session, campaign)
    if people.empty:
        return
    with st.expander(f"Panel ids of {len(people)} {'person' if len(people) == 1 else 'people'}"):
        st.warning(
            "These ids say who a person is. Use them to pay, keep them apart from the answers, and do not publish them."
        )
        st.download_button(
            "Download the panel ids",
            spreadsheets.safe_csv(people),
            file_name=f"campaign-{campaign.id}-panel-ids.csv",
            mime="text/csv",
            key=f"raters.panel.{campaign.id}",
            on_click="ignore",
        )
