"""How raters get in: the link, the QR code, a panel's address and the codes; and the rules that can still change."""

import io
import ipaddress
from urllib.parse import urlsplit

import segno
import streamlit as st

from core.study.rows.sessions import Campaign
from core.subjectivity.sessions import assignment, campaigns, protocol
from core.subjectivity.sessions.protocol import Panel, Protocol
from ui.campaigns import rules as campaign_rules
from ui.campaigns.list import preview_link, rating_link
from ui.shared import resources
from ui.shared.words import done, plain, problem

QUIET_ZONE = 4
COPIED = ".st-key-campaign_addresses [data-testid=stCode] > div"
COPY_BUTTON = f"<style>{COPIED}, {COPIED} > div {{ opacity: 1; visibility: visible; }}</style>"


def link_view(campaign: Campaign) -> None:
    """Everything an organiser sends out, what was set, and what can be changed."""
    st.html(COPY_BUTTON)
    rules = protocol.of(campaign)
    link = rating_link(campaign)
    if not campaign.is_open:
        st.warning("This campaign is closed: its link says so to raters. Open it again to let them go on.")
    with st.container(key="campaign_addresses"):
        if rules.panel.id_parameter:
            _addresses(campaign, link, rules.panel)
        else:
            words, code = st.columns([3, 1], gap="large")
            with words:
                _addresses(campaign, link, rules.panel)
            with code:
                _qr(campaign, link)
        st.caption("Codes that raters hand in at the end")
        _codes(rules)
    _what_was_set(campaign, rules)
    with st.expander("Change the rules", key=f"campaigns.change.{campaign.id}"):
        _change(campaign, rules)


def _addresses(campaign: Campaign, link: str, panel: Panel) -> None:
    if panel.id_parameter:
        st.caption("Address to give to the panel")
        st.code(f"{link}{_placeholders(panel)}", language=None, wrap_lines=True)
        if not campaign_rules.is_prolific(panel):
            st.caption("Put your panel's placeholders in place of the words in capitals.")
    else:
        st.caption("Link for raters")
        st.code(link, language=None, wrap_lines=True)
    if _is_only_here(link):
        st.caption(
            "⚠️ This address works on this machine only. To let others in, start the dashboard on an address that they reach "
            "(`--server.address`) with a password, and open this page there."
        )
    st.caption(
        "Opened in this browser, the link makes it a rater's, and the organiser's pages stay shut in it: use “Try it as a rater”, "
        "or a private window."
    )
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
        for words, code in named.items():
            with st.container(width=170, gap="xxsmall"):
                st.caption(words)
                st.code(code, language=None)


def _qr(campaign: Campaign, link: str) -> None:
    """The code on its own white ground, so that cameras read it in dark mode as well."""
    made = segno.make(link, error="m", micro=False)
    picture, drawing = io.BytesIO(), io.BytesIO()
    made.save(picture, kind="png", scale=10, border=QUIET_ZONE, dark="black", light="white")
    made.save(drawing, kind="svg", scale=10, border=QUIET_ZONE, dark="black", light="white")
    st.image(picture.getvalue(), width=220, alt="QR code of the link for raters")
    with st.container(horizontal=True):
        for ending, data, kind in (("PNG", picture, "image/png"), ("SVG", drawing, "image/svg+xml")):
            st.download_button(
                ending,
                data.getvalue(),
                file_name=f"litmus-campaign-{campaign.id}.{ending.lower()}",
                mime=kind,
                key=f"campaigns.qr.{ending}.{campaign.id}",
                on_click="ignore",
            )


def _what_was_set(campaign: Campaign, rules: Protocol) -> None:
    noun = "pair" if campaign.kind in campaigns.COMPARING else "item"
    with resources.store()() as session:
        per_rater = assignment.items_per_rater(session, campaign)
    fewer = (
        "" if per_rater == campaign.items_per_rater else f" (all there are; {campaign.items_per_rater} were asked for)"
    )
    said = [
        f"{campaign.raters_per_item} raters per {noun}, {per_rater} {noun}s per rater{fewer}",
        f"{len(rules.check)} questions in the check, {rules.check_tries} tries" if rules.check else "no check",
        f"an attention check every {rules.attention_every} {noun}s" if rules.attention_every else "no attention checks",
        *([f"{rules.gold_per_rater} gold items per rater"] if rules.gold_per_rater else []),
        "skipping allowed" if rules.may_skip else "no skipping",
        f"idle after {rules.idle_minutes:g} minutes",
    ]
    st.caption(plain("Set: " + " · ".join(said)))
    if campaign.instructions:
        st.caption("Instructions")
        st.text(campaign.instructions)


def _change(campaign: Campaign, rules: Protocol) -> None:
    st.caption(
        "From now on; answers that are there stay as they are. Items, their number and checks among them are fixed."
    )
    given = campaign_rules.protocol_fields(
        rules, kind=campaign.kind, key=f"campaigns.change.{campaign.id}", is_new=False
    )
    if st.button("Save the rules", key=f"campaigns.save.{campaign.id}"):
        with problem():
            new = campaign_rules.read(given)
            with resources.store().write() as session:
                campaigns.change(session, campaign.id, new)
            done("The rules hold from now on.")
            st.rerun()


def _placeholders(panel: Panel) -> str:
    names = [panel.id_parameter, panel.study_parameter, panel.session_parameter]
    if campaign_rules.is_prolific(panel):
        return "".join(f"&{name}={{{{%{name}%}}}}" for name in names if name)
    words = ("ID-OF-THE-PERSON", "ID-OF-THE-STUDY", "ID-OF-THE-SESSION")
    return "".join(f"&{name}={word}" for name, word in zip(names, words, strict=True) if name)


def _is_only_here(link: str) -> bool:
    host = urlsplit(link).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


def _toggle(campaign_id: int, is_open: bool) -> None:
    with resources.store().write() as session:
        campaigns.set_open(session, campaign_id, is_open=is_open)
    done("The campaign is open again." if is_open else "The campaign is closed.")
