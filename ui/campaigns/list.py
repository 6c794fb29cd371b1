"""The list of campaigns of a study, the choice of a campaign, and the head of its page."""

import time
from collections.abc import Sequence

import streamlit as st

from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign
from core.study.rows.study import Study, Task
from core.subjectivity.sessions import standing
from core.wording import shown
from ui.campaigns import reads
from ui.shared import links, pickers, resources
from ui.shared.words import plain

KIND_NAMES = {
    CampaignKind.LABEL: "Label texts",
    CampaignKind.COMPARE: "Compare tasks",
    CampaignKind.COMPARE_ITEMS: "Compare texts",
    CampaignKind.SCALE: "Rate from 1 to 5",
}
CHOSEN, VIEW = "campaigns.id", "campaigns.view"
WHAT_AGREEMENT_SAYS = (
    "A task is objective if its raters agree, and subjective if they differ. Krippendorff's alpha measures agreement: 1 when "
    "all raters agree, 0 when they agree no more than by chance. Square brackets hold 95 % intervals."
)
LIVE, RESULTS, RATERS, LLM, LINK, EXPORT = "Live", "Results", "Raters", "LLM raters", "Link and settings", "Export"


def chosen_campaign(study: Study) -> Campaign | None:
    """The campaign just made, else the campaign in the URL if it belongs to this study, else None."""
    made = st.session_state.pop("campaigns.made", None)
    if made is not None:
        st.query_params[CHOSEN] = str(made)
        st.session_state[VIEW] = LINK
    campaign_id = st.query_params.get(CHOSEN, "")
    found = next((campaign for campaign in reads.of_study(study.id) if str(campaign.id) == campaign_id), None)
    if campaign_id and found is None:
        del st.query_params[CHOSEN]
    return found


def campaigns_of(study: Study) -> tuple[list[Campaign], list[Campaign]]:
    """The campaigns run here, and the campaigns imported from files; the newest first in both."""
    found = reads.of_study(study.id)
    return [campaign for campaign in found if not campaign.source], [campaign for campaign in found if campaign.source]


def campaign_rows(found: Sequence[Campaign]) -> None:
    """Draw a row per campaign: name, kind, progress, agreement, and a button that opens the campaign."""
    for campaign in found:
        _row(campaign)


def campaign_head(campaign: Campaign) -> str:
    """Draw the chosen campaign's name, badges and views, and a button back to the list; return the name of the chosen view."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("← All campaigns", key="campaigns.all", type="tertiary", on_click=_choose, args=(None, ""))
        st.header(plain(campaign.name), width="content", anchor=False)
        _badges(campaign)
    views = [RESULTS, RATERS, LLM, EXPORT] if campaign.source else [LIVE, RESULTS, RATERS, LLM, LINK, EXPORT]
    return pickers.pick_view(views, key=VIEW, is_labelled=False)


NOT_HERE = (
    "Do not open this link in your own browser: the browser would count as a rater's, and the organiser's pages would be "
    "closed to it. Use “Try it as a rater” or a private window."
)


def rating_link(campaign: Campaign) -> str:
    """The address at which raters answer."""
    return f"{links.server()}/rate?campaign={campaign.token}"


def preview_link(campaign: Campaign) -> str:
    """The address at which an organiser sees the rating page without being a rater."""
    return f"{links.server()}/rate?preview={campaign.token}"


def _row(campaign: Campaign) -> None:
    agreement = reads.words(campaign)
    with resources.store()() as session:
        status = standing.of(session, campaign, now=time.time(), agreement=agreement)
    with (
        st.container(border=True, key=f"campaign.{campaign.id}", gap="xsmall"),
        st.container(horizontal=True, vertical_alignment="center"),
    ):
        with st.container(width="stretch", gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(campaign.name)}**", width="content")
                _badges(campaign, simulated=status.simulated)
            st.caption(plain(status.sentence))
        st.button(
            "Open", key=f"campaigns.open.{campaign.id}", on_click=_choose, args=(campaign.id, _first_view(campaign))
        )


def _badges(campaign: Campaign, *, simulated: bool = False) -> None:
    st.badge(KIND_NAMES[campaign.kind], color="gray")
    if campaign.task_id is not None:
        with resources.store()() as session:
            st.badge(plain(shown(session.get_one(Task, campaign.task_id).name)), color="blue")
    if campaign.source:
        st.badge("from a file", color="gray")
    else:
        st.badge("open" if campaign.is_open else "closed", color="green" if campaign.is_open else "gray")
    if simulated:
        st.badge("Simulated raters", icon="🧪", color="orange")


def _first_view(campaign: Campaign) -> str:
    return LIVE if campaign.is_open and not campaign.source else RESULTS


def _choose(campaign_id: int | None, view: str) -> None:
    if campaign_id is None:
        st.query_params.pop(CHOSEN, None)
        st.query_params.pop(VIEW, None)
        st.session_state.pop(VIEW, None)
        return
    st.query_params[CHOSEN] = str(campaign_id)
    st.session_state[VIEW] = view
