"""The screens of the rating page: welcome, instructions, check, item, end."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.study.rows.kinds import CampaignKind, ItemRole, RaterState
from core.subjectivity.sessions import conduct, enrolment
from core.subjectivity.sessions.screens import Option
from core.wording import shown
from ui.frame import access
from ui.rate import look as rating_style
from ui.rate import memory
from ui.rate import visit as rating
from ui.rate.visit import Stage, Visit
from ui.shared import durations, words

HEARD, LOST = "rate.heard", "rate.lost"
LOST_WORDS = (
    "The connection was lost for a moment. The answers counted above are stored. If you have just answered this item, please "
    "answer it again."
)
FEW = 5
COMPARED = (CampaignKind.COMPARE, CampaignKind.COMPARE_ITEMS)
SECONDS_BEFORE_RETURN = 5
HANDING_IN = (RaterState.DONE, RaterState.SCREENED_OUT, RaterState.FAILED_CHECK)
NOUNS = {
    CampaignKind.LABEL: ("text", "choose the answer that fits best"),
    CampaignKind.COMPARE: ("pair of tasks", "say which of the two is more a matter of opinion"),
    CampaignKind.COMPARE_ITEMS: ("pair of texts", "say about which of the two people would disagree more"),
    CampaignKind.SCALE: ("text", "say how far the answer about it is a matter of opinion"),
}
ENDED = {
    RaterState.SCREENED_OUT: (
        "Thank you for your answer",
        "This session looks for people with other experience, so it ends here. Only this answer is stored.",
    ),
    RaterState.FAILED_CHECK: (
        "The session ends here",
        "Some of the answers to the checks did not fit the instructions, so there are no further items. Your answers are "
        "stored. Thank you for your time.",
    ),
}

STOPPED = (
    "This session has been ended by its rules, or by the people who run it, so there are no further items. Your answers are "
    "stored. Thank you for your time."
)


def welcome(visit: Visit) -> None:
    """Draw the request, the expected minutes and the consent; nothing is stored before the consent."""
    st.title(words.plain(visit.screen.title), anchor=False)
    noun, doing = NOUNS[visit.campaign.kind]
    n = visit.progress.total
    st.write(
        f"You will see up to {n} {_plural(noun, n)}, one at a time, and {doing}. That takes about "
        f"{durations.minutes(visit.minutes)}. There is no right or wrong: we want to know how people read them."
    )
    if not visit.has_room:
        st.info("There is nothing left to rate just now: other people have rated everything. Thank you for coming.")
        back(visit)
        return
    st.text(visit.rules.consent)
    missing = rating.panel_problem(visit)
    if missing:
        st.error(words.plain(missing))
        back(visit)
        return
    if visit.rules.screening:
        st.radio(
            words.plain(visit.rules.screening), ["Yes", rating.NO], index=None, horizontal=True, key="rate.screening"
        )
    _button("I agree, start", rating.join, type="primary", key="rate.consent")
    st.button("I do not agree", on_click=rating.decline, key="rate.decline", width="stretch")
    back(visit)


def back(visit: Visit | None = None) -> None:
    """Draw the form by which a rater with a personal code comes back; a preview has no such form."""
    unknown = st.session_state.get(rating.UNKNOWN)
    if unknown:
        st.warning(
            f"No rater of this session has the code {words.plain(unknown)}. Please check it: a code has three groups of four "
            "letters and digits."
        )
    if visit is not None and access.is_preview():
        return
    with st.expander("I have been here before", expanded=bool(unknown)), st.form("rate.back", border=False):
        st.text_input(
            "My personal code", key="rate.code", max_chars=40, placeholder="ABCD-EFGH-JKLM", autocomplete="off"
        )
        st.form_submit_button("Go on where I stopped", on_click=rating.come_back, key="rate.back.go", width="stretch")


def declined() -> None:
    """Draw the screen after the consent was declined."""
    st.title("That is all right", anchor=False)
    st.write("Nothing was stored. You can close this page.")
    st.button("Back to the beginning", on_click=rating.decline, args=(False,), key="rate.reconsider", width="stretch")


def instructions(visit: Visit) -> None:
    """Draw the instructions before the first item."""
    st.title("How it works", anchor=False)
    _explain(visit)
    has_check = visit.rater is not None and visit.rater.state == RaterState.CHECKING
    label = "Go on to a short check" if has_check else "Start"
    _button(label, rating.have_read, type="primary", key="rate.read_it")


def check(visit: Visit) -> None:
    """Draw the comprehension check, with explanations of wrong answers and the number of tries left."""
    assert visit.rater is not None
    tries_left = visit.rules.check_tries - visit.rater.check_tries
    wrong = st.session_state.get(rating.WRONG) or []
    st.title("A short check", anchor=False)
    tries = f"{tries_left} {'more ' if visit.rater.check_tries else ''}{'try' if tries_left == 1 else 'tries'}"
    if visit.rater.check_tries:
        st.warning(f"Not quite yet. Please look at the answers again: you have {tries}.")
    else:
        n = len(visit.rules.check)
        st.write(f"{'One question' if n == 1 else f'{n} questions'} about what you are asked to do. You have {tries}.")
    orders = rating.shuffled(visit.rater.id, visit.rules)
    with st.form("rate.check", border=False):
        for place, (question, order) in enumerate(zip(visit.rules.check, orders, strict=True)):
            st.radio(
                words.plain(question.text),
                range(len(order)),
                index=None,
                format_func=[words.plain(question.options[shown]) for shown in order].__getitem__,
                key=f"rate.check.{place}",
            )
            if place in wrong:
                st.error(words.plain(question.why) or "That is not the answer.")
        st.form_submit_button(
            "Check my answers",
            type="primary",
            on_click=rating.check,
            args=(visit.rater.id, visit.rater.check_tries, orders, rating.asked(visit.rules)),
            key=f"rate.check.go.{visit.rater.check_tries}",
            width="stretch",
        )
    if st.button("Show the instructions again", type="tertiary", key="rate.again", width="stretch"):
        _again(visit)


def item(visit: Visit) -> None:
    """Draw an item: progress, question, text, answer buttons, and undo, skip and stop."""
    assert visit.rater is not None and visit.item is not None
    done, total, rater_id, item_id = visit.progress.done, visit.progress.total, visit.rater.id, visit.item.id
    if rating_style.item(item_id, f"Item {done + 1} out of {total}"):
        st.session_state[LOST] = item_id
    with st.container(key="rate_item"):
        with st.container(key="rate_top", horizontal=True, vertical_alignment="center"):
            st.progress(min(1.0, done / total), text=f"{done} of {total} done")
            wants_instructions = st.button("Instructions", type="tertiary", key="rate.help")
        if st.session_state.get(LOST) == item_id:
            st.warning(LOST_WORDS)
        st.title(words.plain(visit.screen.question), anchor=False)
        with st.container(key="rate_text"):
            for heading, text in visit.screen.parts:
                with st.container(border=True):
                    if heading:
                        st.caption(heading)
                    st.text(text)
        with st.container(key="rate_bottom"), st.container(key=f"rate_turn_{done % 2}"):
            _answers(visit, rater_id, item_id)
            wants_skip, wants_stop = _other_buttons(visit, rater_id, item_id)
    if wants_instructions:
        _again(visit)
    elif wants_skip:
        _skip(visit, rater_id, item_id)
    elif wants_stop:
        _leave(visit, rater_id)


def end(visit: Visit) -> None:
    """Draw the end of a session: thanks by the way it ended, the code to hand in, and buttons to go on or undo."""
    assert visit.rater is not None
    ending = rating.ending(visit.campaign, visit.rater)
    title, message = ENDED.get(ending.state, ("Thank you", _thanks(visit, ending)))
    if ending.state == RaterState.FAILED_CHECK and not conduct.failed_checks(visit.rater):
        message = STOPPED
    st.title(title, anchor=False)
    st.write(message)
    if ending.state == RaterState.LEFT:
        _button("Go on where I stopped", rating.go_on, (visit.rater.id,), type="primary", key="rate.go_on")
    if ending.code:
        _hand_in(visit, ending)
    if ending.state == RaterState.DONE and visit.campaign.is_open and visit.progress.done < visit.progress.total:
        _button("See whether there is more to rate", rating.go_on, (visit.rater.id,), key="rate.more")
    if ending.state == RaterState.DONE and rating.may_undo(visit.rater.id):
        st.button(
            "Undo the last answer",
            key="rate.undo.end",
            on_click=rating.take_back,
            args=(visit.rater.id, None),
            shortcut="Ctrl+Z",
            width="stretch",
        )
    if ending.state in (RaterState.DONE, RaterState.LEFT):
        _personal_code(visit.rater.code)


def closed(visit: Visit) -> None:
    """Say that the campaign is closed; a rater whose session had ended before still sees the code."""
    if visit.rater is not None and rating.ending(visit.campaign, visit.rater).state in HANDING_IN:
        end(visit)
        return
    st.title("This session has been closed", anchor=False)
    n = visit.progress.done if visit.rater is not None else 0
    st.write(
        f"Your answers until then ({_n(n, 'item')}) are stored. Thank you."
        if n
        else "This labelling session has been closed. Thank you for coming."
    )


def remember(visit: Visit) -> None:
    """Keep the rater's code in the browser; a rater recognised by that code alone can say that somebody else is here."""
    if visit.rater is None or access.is_preview() or visit.rules.panel.id_parameter:
        return
    memory.keep(access.rater_token(), visit.rater.code)
    if st.session_state.get(memory.REMEMBERED):
        st.button(
            "Not you? Begin as somebody else",
            type="tertiary",
            on_click=rating.begin_as_somebody_else,
            key="rate.not_me",
        )


SCREENS = {
    Stage.WELCOME: welcome,
    Stage.DECLINED: lambda _visit: declined(),
    Stage.INSTRUCTIONS: instructions,
    Stage.CHECK: check,
    Stage.ITEM: item,
    Stage.END: end,
    Stage.CLOSED: closed,
}


def _button(label: str, does: Callable[..., None], args: tuple[Any, ...] = (), *, key: str, **look: Any) -> None:
    """Draw a button that calls `does(*args)`, also if the click is the first message to a restarted server.

    Streamlit calls `on_click` only in a session that has drawn the button before; in a new session the click shows as the
    button's value alone.
    """
    is_clicked = st.button(label, key=key, width="stretch", on_click=_hear, args=(key, does, args), **look)
    if is_clicked and st.session_state.pop(HEARD, None) != key:
        does(*args)
        st.rerun()


def _hear(key: str, does: Callable[..., None], args: tuple[Any, ...]) -> None:
    st.session_state[HEARD] = key
    does(*args)


def _answers(visit: Visit, rater_id: int, item_id: int) -> None:
    options = visit.screen.options
    size = "rate_few" if len(options) <= FEW else "rate_many"
    direction = "rate_row" if visit.campaign.kind in COMPARED else "rate_stack"
    with st.container(key=size), st.container(key=direction), st.container(key="rate_answers"):
        for place, option in enumerate(options, start=1):
            _button(
                words.two_lines(shown(option.words), option.meaning),
                rating.answer,
                (rater_id, item_id, option.value),
                key=f"rate.answer.{item_id}.{option.value}",
                shortcut=str(place) if place <= 9 else None,
            )


def _other_buttons(visit: Visit, rater_id: int, item_id: int) -> tuple[bool, bool]:
    """Draw Undo, Skip and Stop here under the answers; return whether Skip and whether Stop here was clicked."""
    with st.container(key="rate_ways", horizontal=True, horizontal_alignment="distribute"):
        if visit.rules.may_undo:
            st.button(
                "Undo",
                type="tertiary",
                key=f"rate.undo.{item_id}",
                on_click=rating.take_back,
                args=(rater_id, item_id),
                shortcut="Ctrl+Z",
                disabled=not visit.progress.done,
            )
        is_check = visit.item is not None and visit.item.role == ItemRole.ATTENTION
        skips = visit.rules.may_skip and st.button(
            "Skip", type="tertiary", key=f"rate.skip.{item_id}", disabled=is_check
        )
        return skips, st.button("Stop here", type="tertiary", key=f"rate.leave.{item_id}")


@st.dialog("Instructions", width="medium")
def _again(visit: Visit) -> None:
    _explain(visit)
    if st.button("Back", type="primary", key="rate.help.close", width="stretch"):
        st.rerun()


@st.dialog("Skip this one?")
def _skip(visit: Visit, rater_id: int, item_id: int) -> None:
    st.write("Please say why. You will not see it again.")
    for place, reason in enumerate(visit.rules.skip_reasons):
        if st.button(
            words.plain(reason),
            key=f"rate.reason.{item_id}.{place}",
            on_click=rating.skip,
            args=(rater_id, item_id, reason),
            width="stretch",
        ):
            st.rerun()


@st.dialog("Stop here?")
def _leave(visit: Visit, rater_id: int) -> None:
    st.write("Your answers are stored. You can come back later and go on where you stopped.")
    if visit.rules.panel.id_parameter:
        st.write("If you do not want to go on later, please return your place on the panel's page.")
    if st.button(
        "Stop here", type="primary", key="rate.leave.yes", on_click=rating.leave, args=(rater_id,), width="stretch"
    ):
        st.rerun()
    if st.button("Go on rating", key="rate.leave.no", width="stretch"):
        st.rerun()


def _explain(visit: Visit) -> None:
    """Draw instructions, question, answers with their meaning, and examples."""
    screen = rating.question(visit)
    if visit.campaign.instructions:
        st.text(visit.campaign.instructions)
    st.markdown(f"**{words.plain(screen.question)}**")
    if screen.note:
        st.write(words.plain(screen.note))
    st.markdown("\n".join(f"- {_option(option)}" for option in screen.options))
    for place, example in enumerate(visit.rules.examples, start=1):
        with st.container(border=True):
            st.caption(f"Example {place}" if len(visit.rules.examples) > 1 else "An example")
            st.text(example.text)
            st.markdown(
                f"Answer: **{words.plain(example.answer)}**"
                + (f"  \n{words.plain(example.why)}" if example.why else "")
            )


def _option(option: Option) -> str:
    meaning = f": {words.plain(option.meaning)}" if option.meaning else ""
    return f"**{words.plain(shown(option.words))}**{meaning}"


def _hand_in(visit: Visit, ending: enrolment.Ending) -> None:
    """Draw the code of this ending, and the link back to the panel if there is a panel."""
    returns_by_itself = bool(ending.url) and visit.rules.panel.go_back_by_itself and not access.is_preview()
    if ending.code == visit.rules.codes.complete:
        st.write("Your completion code, for whoever sent you here:")
    elif ending.state == RaterState.DONE:
        st.write("There was nothing for you to rate. This is the code for that case, not for a completed session:")
    else:
        st.write("This is the code for a session that ended early, not for a completed session:")
    st.code(ending.code, language=None)
    if ending.url:
        st.link_button("Go back and hand in the code", ending.url, type="primary", width="stretch")
    rating_style.end(ending.code, url=ending.url, seconds=SECONDS_BEFORE_RETURN if returns_by_itself else 0)


def _personal_code(code: str) -> None:
    st.caption("To come back, also on another device, open the same link and give your personal code:")
    st.code(code, language=None)


def _thanks(visit: Visit, ending: enrolment.Ending) -> str:
    done = visit.progress.done
    if ending.state == RaterState.LEFT:
        stopped = f"You stopped after {_n(done, 'item')}. " if done else "You stopped before the first item. "
        return stopped + "Your answers are stored. You are welcome to go on whenever you like."
    if ending.answered:
        skipped = f" and skipped {done - ending.answered}" if done > ending.answered else ""
        return f"You answered {_n(ending.answered, 'item')}{skipped}. Everything is stored; you can close this page."
    if done:
        return f"You skipped {_n(done, 'item')} and answered none. Thank you for coming."
    return "There is nothing left to rate here. Thank you for coming."


def _n(n: int, noun: str) -> str:
    """A number with its noun: "1 item", "3 items"."""
    return f"{n} {_plural(noun, n)}"


def _plural(noun: str, n: int) -> str:
    first, _, rest = noun.partition(" ")
    return noun if n == 1 else f"{first}s {rest}".strip()
