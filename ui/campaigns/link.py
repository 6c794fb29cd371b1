"""The link of a campaign as address and QR code, the completion codes, and the rules that can still change."""

import io

import segno
import streamlit as st

from core.study.rows.sessions import Campaign
from core.subjectivity.sessions import assignment, campaigns, protocol
from core.subjectivity.sessions.protocol import Panel, Protocol
from ui.campaigns import rules as campaign_rules
from ui.campaigns.list import NOT_HERE, preview_link, rating_link
from ui.shared import links, resources
from ui.shared.words import keep_refusal, plain, set_notice, show_errors

QUIET_ZONE = 4
COPIED = ".st-key-campaign_addresses [data-testid=stCode] > div"
COPY_BUTTON = f"<style>{COPIED}, {COPIED} > div {{ opacity: 1; visibility: visible; }}</style>"


def link_view(campaign: Campaign) -> None:
    """Draw the link and codes that an organiser sends out, the campaign's settings, and a form to change the rules."""
    st.html(COPY_BUTTON)
    rules = protocol.of(campaign)
    link = rating_link(campaign)
    if not campaign.is_open:
        st.warning("This campaign is closed: its link says so to raters. Open it again to let them go on.")
    with st.container(key="campaign_addresses"):
        if rules.panel.id_parameter:
            _addresses(campaign, link, rules.panel)
        else:
            addresses, code = st.columns([3, 1], gap="large")
            with addresses:
                _addresses(campaign, link, rules.panel)
            with code:
                _qr(campaign, link)
        st.caption("Codes that raters hand in at the end")
        _codes(rules)
    _settings(campaign, rules)
    with st.expander("Change the rules", key=f"campaigns.change.{campaign.id}"):
        _change(campaign, rules)


def qr_code(link: str, *, kind: str, scale: int = 10) -> bytes:
    """The QR code of a link as a file of a kind, "png" or "svg", on white so that cameras read it in dark mode too."""
    picture = io.BytesIO()
    segno.make(link, error="m", micro=False).save(
        picture, kind=kind, scale=scale, border=QUIET_ZONE, dark="black", light="white"
    )
    return picture.getvalue()


def _addresses(campaign: Campaign, link: str, panel: Panel) -> None:
    if panel.id_parameter:
        st.caption("Address to give to the panel")
        st.code(f"{link}{_placeholders(panel)}", language=None, wrap_lines=True)
        if not campaign_rules.is_prolific(panel):
            st.caption("Put your panel's placeholders in place of the words in capitals.")
    else:
        st.caption("Link for raters")
        st.code(link, language=None, wrap_lines=True)
    if links.is_only_here(link):
        st.caption(
            "⚠️ This address works on this machine only. To let others in, start the dashboard on an address that other machines "
            "can reach (`--server.address`), set LITMUS_PASSWORD, and open this page at that address."
        )
    st.caption(NOT_HERE)
    with st.container(horizontal=True):
        st.link_button("Try it as a rater", preview_link(campaign), key=f"campaigns.try.{campaign.id}", icon="👀")
        st.button(
            "Close the campaign" if campaign.is_open else "Open it again",
            key=f"campaigns.toggle.{campaign.id}",
            on_click=_toggle,
            args=(campaign.id, not campaign.is_open),
        )


def _codes(rules: Protocol) -> None:
    named = {
        "Completed": rules.codes.complete,
        "Screened out": rules.codes.screened_out,
        "Failed a check": rules.codes.failed_check,
    }
    with st.container(horizontal=True):
        for ending, code in named.items():
            with st.container(width=170, gap="xxsmall"):
                st.caption(ending)
                st.code(code, language=None)


def _qr(campaign: Campaign, link: str) -> None:
    """Draw the QR code of the link, with its downloads."""
    picture, drawing = qr_code(link, kind="png"), qr_code(link, kind="svg")
    st.image(picture, width=220, alt="QR code of the link for raters")
    with st.container(horizontal=True):
        for ending, data, kind in (("PNG", picture, "image/png"), ("SVG", drawing, "image/svg+xml")):
            st.download_button(
                ending,
                data,
                file_name=f"litmus-campaign-{campaign.id}.{ending.lower()}",
                mime=kind,
                key=f"campaigns.qr.{ending}.{campaign.id}",
                on_click="ignore",
            )


def _settings(campaign: Campaign, rules: Protocol) -> None:
    """Show the settings of a campaign in one line, and its instructions."""
    noun = "pair" if campaign.kind in campaigns.COMPARING else "item"
    with resources.store()() as session:
        per_rater = assignment.items_per_rater(session, campaign)
    fewer = (
        ""
        if per_rater == campaign.items_per_rater
        else f" (there are no more; {campaign.items_per_rater} were planned)"
    )
    parts = [
        f"{campaign.raters_per_item} raters per {noun}, {per_rater} {noun}s per rater{fewer}",
        f"{len(rules.check)} questions in the check, {rules.check_tries} tries" if rules.check else "no check",
        f"an attention check every {rules.attention_every} {noun}s" if rules.attention_every else "no attention checks",
        *([f"{rules.gold_per_rater} gold items per rater"] if rules.gold_per_rater else []),
        "skipping allowed" if rules.may_skip else "no skipping",
        f"idle after {rules.idle_minutes:g} minutes",
    ]
    st.caption(plain("Set: " + " · ".join(parts)))
    if campaign.instructions:
        st.caption("Instructions")
        st.text(campaign.instructions)


def _change(campaign: Campaign, rules: Protocol) -> None:
    st.caption(
        "New rules hold from now on; stored answers stay. The items, their number and the attention checks cannot change."
    )
    fields = campaign_rules.protocol_fields(
        rules, kind=campaign.kind, key=f"campaigns.change.{campaign.id}", is_new=False
    )
    if st.button("Save the rules", key=f"campaigns.save.{campaign.id}"):
        with show_errors():
            new = campaign_rules.read(fields)
            with resources.store().write() as session:
                campaigns.change(session, campaign.id, new)
            set_notice("The rules hold from now on.")
            st.rerun()


def _placeholders(panel: Panel) -> str:
    """The parameters to add to the link, filled in by Prolific or to be replaced by another panel's placeholders."""
    names = [panel.id_parameter, panel.study_parameter, panel.session_parameter]
    if campaign_rules.is_prolific(panel):
        return "".join(f"&{name}={{{{%{name}%}}}}" for name in names if name)
    words = ("ID-OF-THE-PERSON", "ID-OF-THE-STUDY", "ID-OF-THE-SESSION")
    return "".join(f"&{name}={word}" for name, word in zip(names, words, strict=True) if name)


def _toggle(campaign_id: int, is_open: bool) -> None:
    with keep_refusal():
        with resources.store().write() as session:
            campaigns.set_open(session, campaign_id, is_open=is_open)
        set_notice("The campaign is open again." if is_open else "The campaign is closed.")
