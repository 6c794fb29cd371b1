"""The campaigns of a study: a row for each, and the one that is chosen with its views."""

import time
from collections.abc import Sequence

import streamlit as st

from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from core.study.rows.study import Study, Task
from core.subjectivity.sessions import standing
from ui.campaigns import reads
from ui.shared import resources
from ui.shared.words import plain

KIND_NAMES = {
    CampaignKind.LABEL: "Label texts",
    CampaignKind.COMPARE: "Compare tasks",
    CampaignKind.COMPARE_ITEMS: "Compare texts",
    CampaignKind.SCALE: "Rate from 1 to 5",
}
CHOSEN, VIEW = "campaigns.id", "campaigns.view"
WHAT_AGREEMENT_SAYS = (
    "Where the people who rate agree, a task is objective; where they differ, it is subjective. Krippendorff's alpha says how "
    "far: 1 is full agreement, 0 no more than by chance. Square brackets hold 95 % intervals."
)
LIVE, RESULTS, RATERS, LLM, LINK, EXPORT = "Live", "Results", "Raters", "LLM raters", "Link and settings", "Export"


def chosen_campaign(study: Study) -> Campaign | None:
    """The campaign that stands in the URL, if it is one of this study; one just made is taken first."""
    made = st.session_state.pop("campaigns.made", None)
    if made is not None:
        st.query_params[CHOSEN] = str(made)
        st.session_state[VIEW] = LINK
    asked = st.query_params.get(CHOSEN, "")
    found = next((one for one in reads.of_study(study.id) if str(one.id) == asked), None)
    if asked and found is None:
        del st.query_params[CHOSEN]
    return found


def campaigns_of(study: Study) -> tuple[list[Campaign], list[Campaign]]:
    """The campaigns of a study that rate here and those that came from files, the newest of each first."""
    found = reads.of_study(study.id)
    return [one for one in found if not one.source], [one for one in found if one.source]


def campaign_rows(found: Sequence[Campaign]) -> None:
    """A row for each campaign: what it is, how far it is, how far people agree, and the way to open it."""
    for campaign in found:
        _row(campaign)


def campaign_head(campaign: Campaign) -> str:
    """The chosen campaign's name and badges, the way back to all of them, and which of its views is wanted."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("← All campaigns", key="campaigns.all", type="tertiary", on_click=_choose, args=(None, ""))
        st.subheader(plain(campaign.name), width="content", anchor=False)
        _badges(campaign)
    views = [RESULTS, RATERS, LLM, EXPORT] if campaign.source else [LIVE, RESULTS, RATERS, LLM, LINK, EXPORT]
    if st.session_state.get(VIEW) not in views:
        st.session_state.pop(VIEW, None)
    return str(
        st.segmented_control(
            "Show", views, default=views[0], required=True, key=VIEW, bind="query-params", label_visibility="collapsed"
        )
    )


def rating_link(campaign: Campaign) -> str:
    """The address that raters get."""
    return f"{_server()}/rate?campaign={campaign.token}"


def preview_link(campaign: Campaign) -> str:
    """The address at which an organiser sees what raters see."""
    return f"{_server()}/rate?preview={campaign.token}"


def _server() -> str:
    return (st.context.url or "/").split("?")[0].rsplit("/", 1)[0]


def _row(campaign: Campaign) -> None:
    words = reads.words(campaign)
    with resources.store()() as session:
        now = standing.of(session, campaign, now=time.time(), agreement=words)
    with (
        st.container(border=True, key=f"campaign.{campaign.id}", gap="xsmall"),
        st.container(horizontal=True, vertical_alignment="center"),
    ):
        with st.container(width="stretch", gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(campaign.name)}**", width="content")
                _badges(campaign, simulated=now.simulated)
            st.caption(plain(now.sentence))
        st.button("Open", key=f"campaigns.open.{campaign.id}", on_click=_choose, args=(campaign.id, _first(campaign)))


def _badges(campaign: Campaign, *, simulated: bool = False) -> None:
    st.badge(KIND_NAMES[campaign.kind], color="gray")
    if campaign.task_id is not None:
        with resources.store()() as session:
            st.badge(plain(session.get_one(Task, campaign.task_id).name), color="blue")
    if campaign.source:
        st.badge("from a file", color="gray")
    else:
        st.badge("open" if campaign.is_open else "closed", color="green" if campaign.is_open else "gray")
    if simulated:
        st.badge("Simulated raters", icon="🧪", color="orange")


def _first(campaign: Campaign) -> str:
    return LIVE if campaign.is_open and not campaign.source else RESULTS


def _choose(campaign_id: int | None, view: str) -> None:
    if campaign_id is None:
        st.query_params.pop(CHOSEN, None)
        st.query_params.pop(VIEW, None)
        st.session_state.pop(VIEW, None)
        return
    st.query_params[CHOSEN] = str(campaign_id)
    st.session_state[VIEW] = view
