"""The raters of a campaign: how each of them answers, and leaving one out or counting one again."""

import time

import streamlit as st

from core.study.exchange import spreadsheets
from core.study.rows.kinds import RaterKind
from core.study.rows.sessions import Campaign
from core.subjectivity.sessions import conduct, roster
from ui.campaigns import reads, tables
from ui.shared import resources
from ui.shared.words import done, plain

KINDS = {
    RaterKind.PERSON: "person",
    RaterKind.IMPORTED: "person",
    RaterKind.SIMULATED: "simulated",
    RaterKind.LLM: "LLM",
}
FIRST = ("rater", "kind", "state", "answers", "warned", "excluded")
OPTIONAL = ("skips", "attention", "gold", "warned", "excluded")


def raters_view(campaign: Campaign) -> None:
    """A table of the raters; one that is chosen can be excluded or counted again."""
    table = reads.raters(campaign)
    if table.empty:
        st.info("Nobody has come yet.")
        return
    excluded = int((table["excluded"] != "").sum())
    words = f"{len(table):,} raters" + (f", {excluded} of them excluded" if excluded else "")
    st.caption(f"{words}. Choose one to exclude or to count again. Names are pseudonyms.")
    shown = table.drop(columns="id").assign(kind=[KINDS[kind] for kind in table["kind"]])
    shown["state"] = shown["state"].str.replace("-", " ")
    empty = [name for name in OPTIONAL if not shown[name].astype(bool).any()]
    shown = shown.drop(columns=empty + (["kind"] if shown["kind"].nunique() == 1 else []))
    first = [name for name in FIRST if name in shown.columns]
    shown = shown[first + [name for name in shown.columns if name not in first]]
    event = st.dataframe(
        shown, hide_index=True, key=f"raters.table.{campaign.id}.{st.session_state.get('raters.changes', 0)}",
        on_select="rerun", selection_mode="single-row", column_config=tables.columns(shown),
        height="content" if len(shown) <= 12 else 460, placeholder="–",
    )  # fmt: skip
    st.caption(
        "With others: mean share of the other raters of the same items who gave the same answer. Longest run: most answers "
        "in a row that are the same. Attention, gold: right answers of those seen."
    )
    chosen = [row for row in event["selection"]["rows"] if row < len(table)]
    if chosen:
        row = table.iloc[chosen[0]]
        _one(int(row["id"]), str(row["rater"]), excluded=str(row["excluded"]))
    _panel(campaign)


def _one(rater_id: int, name: str, *, excluded: str) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(name)}**")
        if excluded:
            st.caption(plain(f"Excluded because: {excluded}"))
            st.button("Count again", key=f"raters.include.{rater_id}", on_click=_include, args=(rater_id,))
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            key = f"raters.because.{rater_id}"
            st.text_input("Reason", key=key, placeholder="by the organiser", max_chars=200, width=320)
            st.button("Exclude", key=f"raters.exclude.{rater_id}", on_click=_exclude, args=(rater_id, key))
        st.caption("The answers stay in the raw data, flagged, and count in no statistic.")


def _exclude(rater_id: int, key: str) -> None:
    with resources.store().write() as session:
        conduct.exclude(session, rater_id=rater_id, because=str(st.session_state.get(key, "")), now=time.time())
    _changed("The rater counts in no statistic from now on.")


def _include(rater_id: int) -> None:
    with resources.store().write() as session:
        conduct.include(session, rater_id=rater_id)
    _changed("The rater counts again.")


def _changed(message: str) -> None:
    """A new key for the table, so that no row stays chosen."""
    st.session_state["raters.changes"] = st.session_state.get("raters.changes", 0) + 1
    done(message)


def _panel(campaign: Campaign) -> None:
    """Ids of a panel, for paying people only: they say who a person is."""
    with resources.store()() as session:
        people = roster.panel(session, campaign)
    if people.empty:
        return
    with st.expander(f"Panel ids of {len(people)} people"):
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
