"""Export the answers of a campaign as CSV: one row per answer, columns named as Litmus or crowd-kit names them."""

import pandas as pd
import streamlit as st

from core.study.exchange import spreadsheets
from core.study.rows.kinds import RaterKind
from core.study.rows.sessions import Campaign
from core.subjectivity.exchange import long_form
from core.subjectivity.exchange.long_form import Names
from core.subjectivity.sessions import answers
from ui.campaigns import reads
from ui.shared import resources

SHOWN = 5


def export_view(campaign: Campaign) -> None:
    """Draw the choices of an export, its first rows and the downloads. The files hold no personal code and no panel id."""
    raw = reads.raw(campaign)
    if raw.empty:
        st.info("There are no answers to export yet.")
        return
    columns = _columns(campaign)
    names = Names(str(st.radio("Names of columns", list(columns), format_func=columns.__getitem__, key="export.names")))
    with st.container(horizontal=True):
        has_excluded, has_llm = bool(raw["excluded"].any()), bool((raw["kind"] == RaterKind.LLM).any())
        excluded = st.toggle("Include excluded raters, flagged", True, key="export.excluded", disabled=not has_excluded)
        llm = st.toggle("Include LLM raters, marked by the column kind", False, key="export.llm", disabled=not has_llm)
    kept = raw[(excluded | ~raw["excluded"]) & (llm | (raw["kind"] != RaterKind.LLM))]
    long = long_form.comparisons if reads.is_comparing(campaign) else long_form.labels
    table = long(kept, names=names)
    st.dataframe(table.head(SHOWN), hide_index=True, key="export.first", placeholder="–")
    st.caption(f"The first {min(SHOWN, len(table))} of {len(table):,} answers.")
    with st.container(horizontal=True):
        _download("Answers as CSV", table, campaign, "answers")
        with resources.store()() as session:
            skips = answers.skipped(session, campaign)
        if not skips.empty:
            _download(f"{len(skips):,} skipped items as CSV", skips, campaign, "skips")


def _columns(campaign: Campaign) -> dict[Names, str]:
    """For each choice of column names (Litmus's own, crowd-kit's), the columns of the file as text."""
    if reads.is_comparing(campaign):
        return {
            Names.LITMUS: "rater_id, left, right, winner",
            Names.CROWD_KIT: "worker, left, right, label (crowd-kit and others)",
        }
    return {Names.LITMUS: "item_id, rater_id, label", Names.CROWD_KIT: "task, worker, label (crowd-kit and others)"}


def _download(label: str, table: pd.DataFrame, campaign: Campaign, content: str) -> None:
    st.download_button(
        label,
        lambda: spreadsheets.safe_csv(table),
        file_name=f"campaign-{campaign.id}-{content}.csv",
        mime="text/csv",
        key=f"export.{content}.{campaign.id}",
        on_click="ignore",
        type="primary" if content == "answers" else "secondary",
    )
