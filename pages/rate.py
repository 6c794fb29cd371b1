"""Rate: what a rater sees. One item a screen; an answer is stored before the next item is shown."""

import random
import time

import streamlit as st

import ui
from core.errors import StudyError
from core.study.records import Study
from core.subjectivity import assignment, campaigns, enrolment, screens

ui.guard("rater", need_study=False)


def leave_consent() -> None:
    with ui.store().write() as session:
        campaign = campaigns.by_token(session, st.session_state["rate.campaign"])
        st.session_state["rate.code"] = enrolment.join(session, campaign, now=time.time()).code


def answer(rater_id: int, item_id: int, given: str) -> None:
    with ui.problem(), ui.store().write() as session:
        assignment.record(session, rater_id=rater_id, item_id=item_id, answer=given, now=time.time())


def take_back(rater_id: int) -> None:
    with ui.store().write() as session:
        assignment.undo(session, rater_id=rater_id, now=time.time())


# Who comes, and to which campaign
token = st.query_params.get("campaign") or st.session_state.get("rate.campaign", "")
st.session_state["rate.campaign"] = token
code = st.session_state.get("rate.code") or st.query_params.get("me", "")
try:
    with ui.store().write() as session:
        campaign = campaigns.by_token(session, token)
        rater = enrolment.come_back(session, campaign, code)
        item = assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=random.Random()) if rater else None
        screen = screens.of(session, campaign, item, swapped=rater.is_swapped if rater else False)
        study = session.get_one(Study, campaign.study_id)
        done = assignment.progress(session, campaign, rater.id).done if rater else 0
except StudyError as error:
    st.error(ui.plain(str(error)))
    st.stop()
st.query_params.from_dict({"campaign": token} | ({"me": rater.code} if rater else {}))

with st.container(horizontal_alignment="center"), st.container(width=640):
    if rater is None:
        ui.title(ui.plain(screen.title), study)
        st.write(
            f"You will see up to {campaign.items_per_rater} items, one at a time, and choose an answer for each. There is no right or "
            "wrong: we want to know how people read them."
        )
        if campaign.instructions:
            st.text(campaign.instructions)
        st.caption(
            "Your answers are stored under a random name, without anything that identifies you, and used for research on how far "
            "people agree. You can stop at any time; what you answered until then is kept. The address of this page lets you come back."
        )
        st.button(
            "I agree, start",
            type="primary",
            on_click=leave_consent,
            key="rate.consent",
            width="stretch",
        )
        st.stop()
    if item is None:
        st.title("Thank you")
        st.write(
            f"You answered {done} item{'s' if done != 1 else ''}. All of them are stored; you can close this page."
            if done
            else "There is nothing left to rate here. Thank you for coming by."
        )
        st.caption("Your code, if you are asked for it")
        st.code(rater.code, language=None)
        st.stop()
    if study.is_sample:
        ui.sample_badge()
    st.progress(done / campaign.items_per_rater, text=f"{done} of {campaign.items_per_rater}")
    st.markdown(f"**{ui.plain(screen.question)}**")
    for heading, text in screen.parts:
        with st.container(border=True):
            if heading:
                st.caption(heading)
            st.text(text)
    with st.container(key="rate_answers"):
        for place, option in enumerate(screen.options, start=1):
            st.button(
                ui.two_lines(option.words, option.meaning),
                key=f"rate.answer.{item.id}.{option.value}",
                width="stretch",
                shortcut=str(place) if place <= 9 else None,
                on_click=answer,
                args=(rater.id, item.id, option.value),
            )
    if done:
        st.button(
            "Undo the last answer",
            type="tertiary",
            key=f"rate.undo.{item.id}",
            on_click=take_back,
            args=(rater.id,),
            shortcut="Ctrl+Z",
        )
