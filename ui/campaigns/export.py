"""Raw answers to take along, one row per answer, under our own names or those that other tools use."""

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
    """What is to be taken along, its first rows, and the file. Personal codes and panel ids are in none of them."""
    raw = reads.raw(campaign)
    if raw.empty:
        st.info("There are no answers to export yet.")
        return
    words = _names_words(campaign)
    names = Names(str(st.radio("Names of columns", list(words), format_func=words.__getitem__, key="export.names")))
    with st.container(horizontal=True):
        has_excluded, has_llm = bool(raw["excluded"].any()), bool((raw["kind"] == RaterKind.LLM).any())
        excluded = st.toggle("Excluded raters too, flagged", True, key="export.excluded", disabled=not has_excluded)
        llm = st.toggle("LLM raters too, by their kind", False, key="export.llm", disabled=not has_llm)
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


def _names_words(campaign: Campaign) -> dict[Names, str]:
    if reads.is_comparing(campaign):
        return {
            Names.LITMUS: "rater_id, left, right, winner",
            Names.CROWD_KIT: "worker, left, right, label (crowd-kit and others)",
        }
    return {Names.LITMUS: "item_id, rater_id, label", Names.CROWD_KIT: "task, worker, label (crowd-kit and others)"}


def _download(words: str, table: pd.DataFrame, campaign: Campaign, what: str) -> None:
    st.download_button(
        words,
        lambda: spreadsheets.safe_csv(table),
        file_name=f"campaign-{campaign.id}-{what}.csv",
        mime="text/csv",
        key=f"export.{what}.{campaign.id}",
        on_click="ignore",
        type="primary" if what == "answers" else "secondary",
    )
