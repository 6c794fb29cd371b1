"""One campaign as organisers see it: its link, how far it is, and its raw answers."""

import time

import streamlit as st

from core.study import exporting
from core.study.records import Campaign, CampaignKind, Task
from core.subjectivity import answers, campaigns, standing
from ui import resources

KIND_NAMES = {
    CampaignKind.LABEL: "Label texts",
    CampaignKind.COMPARE: "Compare tasks",
    CampaignKind.COMPARE_ITEMS: "Compare texts",
    CampaignKind.SCALE: "Rate from 1 to 5",
}


def campaign_card(campaign: Campaign) -> None:
    """Draw one campaign."""
    with resources.store()() as session:
        now = standing.of(session, campaign, now=time.time())
        raw = answers.of_campaign(session, campaign)
        task = session.get(Task, campaign.task_id) if campaign.task_id else None
    with st.container(border=True, key=f"campaign.{campaign.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(campaign.name, width="content")
            if task:
                st.text(task.name, width="content")
            st.badge(KIND_NAMES[CampaignKind(campaign.kind)], color="gray")
            st.badge("open" if campaign.is_open else "closed", color="green" if campaign.is_open else "gray")
            if now.simulated:
                st.badge("Simulated raters", icon="🧪", color="orange")
        st.caption(now.sentence)
        if campaign.is_open:
            st.code(_link(campaign), language=None, wrap_lines=True)
        with st.container(horizontal=True):
            if not campaign.source:
                st.button(
                    "Close" if campaign.is_open else "Open again",
                    key=f"campaigns.toggle.{campaign.id}",
                    on_click=_toggle,
                    args=(campaign.id, not campaign.is_open),
                )
            st.download_button(
                "Raw answers as CSV",
                exporting.safe_csv(raw),
                file_name=f"campaign-{campaign.id}.csv",
                mime="text/csv",
                key=f"campaigns.csv.{campaign.id}",
                on_click="ignore",
                disabled=raw.empty,
            )


def _link(campaign: Campaign) -> str:
    server = (st.context.url or "/").rsplit("/", 1)[0]
    return f"{server}/rate?campaign={campaign.token}"


def _toggle(campaign_id: int, is_open: bool) -> None:
    with resources.store().write() as session:
        campaigns.set_open(session, campaign_id, is_open=is_open)
