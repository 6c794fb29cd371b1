"""The steps of a rater's session and what each click does; every click is one transaction.

An organiser's preview takes the same steps on a copy of the campaign that is kept in memory only.
"""

import hashlib
import random
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

import streamlit as st
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import RaterState
from core.study.rows.sessions import Campaign, Item, Rater
from core.study.rows.study import Study
from core.study.store import ONE_AT_A_TIME, Store
from core.subjectivity.sessions import assignment, campaigns, effort, enrolment, protocol, rehearsal, screens
from core.subjectivity.sessions.assignment import Progress, Turn
from core.subjectivity.sessions.enrolment import Ending
from core.subjectivity.sessions.items import choice
from core.subjectivity.sessions.protocol import Protocol
from core.subjectivity.sessions.screens import Screen
from ui.frame import access
from ui.rate import memory as rating_memory
from ui.rate import retry
from ui.shared import resources

RATER, LINK, READ, WRONG, UNKNOWN, DECLINED, LAST = (
    "rate.rater", "rate.link", "rate.read", "rate.wrong", "rate.unknown", "rate.declined", "rate.last",
)  # fmt: skip
KEPT = (LINK, rating_memory.CAME_AS)
NO = "No"
PATIENCE_S = 5.0
FRESH_S = 1.0


class Stage(StrEnum):
    """The screen that a visitor of the rating page sees."""

    WELCOME = "welcome"
    DECLINED = "declined"
    INSTRUCTIONS = "instructions"
    CHECK = "check"
    ITEM = "item"
    END = "end"
    CLOSED = "closed"


@dataclass(frozen=True)
class Visit:
    """The state of the rating page for a visitor.

    `rater`: None before consent. `item`: None if there is nothing to rate. `minutes`: expected length of the session, nan
    after the welcome screen. `has_room`: whether a new rater would find something to rate.
    """

    stage: Stage
    study: Study
    campaign: Campaign
    rules: Protocol
    rater: Rater | None
    item: Item | None
    screen: Screen
    progress: Progress
    minutes: float
    has_room: bool = True


def arrive() -> Visit:
    """The visitor's step in the campaign of the link, with the next item assigned. Raises `StudyError` for a wrong link."""
    token, is_preview = access.rater_token(), access.is_preview()
    link = f"{'preview ' if is_preview else ''}{token}"
    is_first = st.session_state.get(LINK) != link
    if is_first:
        for name in [name for name in st.session_state if str(name).startswith("rate.")]:
            del st.session_state[name]
        st.session_state[rating_memory.CAME_AS] = enrolment.id_in_address(st.query_params.to_dict())
    turn = _turn()
    with _store()() as session:
        if turn is None:
            campaign, progress = campaigns.by_token(session, token, even_closed=True), None
        else:
            campaign, progress = turn.campaign, turn.progress
            session.add_all(row for row in (campaign, turn.rater, turn.answered, turn.item) if row is not None)
        study = campaigns.home_of(session, campaign, even_closed=True)
        rater = _known(session, campaign)
        st.session_state[LINK] = link
        needs_item = rater is not None and campaign.is_open and (_is_back(rater, is_first) or _waits(rater))
        visit = None if needs_item else _visit(session, study, campaign, rater, progress)
    if visit is None and rater is not None:
        with _writing() as session:
            assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=random.Random())
            visit = _visit(session, study, campaign, session.get_one(Rater, rater.id))
    assert visit is not None
    if visit.rater is not None and not is_preview:
        _clean_address(token, visit.rater.code)
    st.session_state[LAST] = visit
    return visit


def last_visit() -> Visit | None:
    """The visit drawn last in this session, for while the database cannot be read; None before the first."""
    found: Visit | None = st.session_state.get(LAST)
    return found


@retry.kept
def join() -> None:
    """Enrol the visitor after consent: a new rater, or the rater who has the panel's person id already."""
    if RATER in st.session_state:
        return
    screening = st.session_state.get("rate.screening")
    with retry.show_refusals():
        with _writing() as session:
            campaign = campaigns.by_token(session, access.rater_token(), even_closed=access.is_preview())
            if protocol.of(campaign).screening and screening is None:
                raise StudyError("Please answer the question with yes or no first.")
            panel = {} if access.is_preview() else enrolment.panel_ids(campaign, st.query_params.to_dict())
            rater = enrolment.join(session, campaign, now=time.time(), panel=panel, passed_screening=screening != NO)
            assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=random.Random())
        st.session_state[RATER] = rater.id


def panel_problem(visit: Visit) -> str:
    """Why a visitor without the panel's person id cannot begin; "" if the id is there or not needed."""
    if access.is_preview():
        return ""
    try:
        enrolment.panel_ids(visit.campaign, st.query_params.to_dict())
    except StudyError as error:
        return str(error)
    return ""


def begin_as_somebody_else() -> None:
    """Forget the rater of this browser session, so that another person can begin."""
    for name in [name for name in st.session_state if str(name).startswith("rate.") and name not in KEPT]:
        del st.session_state[name]
    st.session_state[rating_memory.SOMEBODY_ELSE] = True
    st.query_params.pop("me", None)


def decline(declined: bool = True) -> None:
    """Show the screen after a declined consent, or the welcome screen again."""
    st.session_state[DECLINED] = declined


@retry.kept
def come_back() -> None:
    """Continue the session of the rater whose personal code was typed, on any device."""
    typed = str(st.session_state.get("rate.code", ""))
    with _writing() as session:
        campaign = campaigns.by_token(session, access.rater_token(), even_closed=True)
        rater = enrolment.come_back(session, campaign, typed, panel=st.query_params.to_dict())
        st.session_state[UNKNOWN] = None if rater else typed.strip()
        if rater is not None:
            st.session_state[RATER] = rater.id
            _go_on(session, rater.id)


@retry.kept
def go_on(rater_id: int) -> None:
    """Continue a session that was left."""
    with _writing() as session:
        _go_on(session, rater_id)


def have_read() -> None:
    """Remember that the instructions were read."""
    st.session_state[READ] = True


def asked(rules: Protocol) -> str:
    """A digest of the questions of a comprehension check and of what counts as right."""
    return hashlib.sha256(rules.model_dump_json(include={"check"}).encode()).hexdigest()


@retry.kept
def check(rater_id: int, tries: int, orders: Sequence[Sequence[int]], questions: str) -> None:
    """Store a try at the comprehension check with the answers on the screen.

    `orders`: for each question, the positions of its options in the order shown. `tries`: tries made before this one; if
    the number has changed since, as after a double click, nothing is stored. `questions`: `asked` of those on the screen; if
    the organiser has changed them since, nothing is stored, and the new ones are shown.
    """
    shown = [st.session_state.get(f"rate.check.{place}") for place in range(len(orders))]
    chosen = [order[choice] for order, choice in zip(orders, shown, strict=True) if choice is not None]
    with retry.show_refusals(), _writing() as session:
        rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
        if rater.check_tries != tries:
            return
        if asked(protocol.of(session.get_one(Campaign, rater.campaign_id))) != questions:
            st.session_state[WRONG] = []
            raise StudyError(
                "The questions were changed a moment ago. Please answer the new ones; this was not counted as a try."
            )
        st.session_state[WRONG] = enrolment.check(session, rater_id=rater_id, answers=chosen, now=time.time())
        assignment.next_item(session, rater_id=rater_id, now=time.time(), rng=random.Random())


@retry.kept
def answer(rater_id: int, item_id: int, value: str) -> None:
    """Store an answer and assign the next item. A second click on the same item changes nothing."""
    with retry.show_refusals():
        with _writing() as session:
            turn = assignment.answer_and_go_on(
                session, rater_id=rater_id, item_id=item_id, answer=value, now=time.time(), rng=random.Random()
            )
        st.session_state[retry.TURN] = (time.monotonic(), turn)


@retry.kept
def skip(rater_id: int, item_id: int, reason: str) -> None:
    """Store that the rater skipped the item, and assign the next item."""
    now = time.time()
    with retry.show_refusals(), _writing() as session:
        if assignment.skip(session, rater_id=rater_id, item_id=item_id, reason=reason, now=now):
            assignment.next_item(session, rater_id=rater_id, now=now, rng=random.Random())


@retry.kept
def take_back(rater_id: int, item_id: int | None) -> None:
    """Undo the last answer, if `item_id` is still the item assigned: a late double click undoes nothing more."""
    with _writing() as session:
        if session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME).assigned_item_id != item_id:
            return
        if not assignment.undo(session, rater_id=rater_id, now=time.time()):
            st.toast("This answer cannot be undone: it answered a check, or the session has ended.")


@retry.kept
def leave(rater_id: int) -> None:
    """Store that the rater stopped, and free the item for others."""
    with _writing() as session:
        enrolment.leave(session, rater_id=rater_id, now=time.time())


def ending(campaign: Campaign, rater: Rater) -> Ending:
    """How a rater's session ended, and the code and address to hand it in."""
    with _store()() as session:
        return enrolment.ending(session, campaign, rater)


def may_undo(rater_id: int) -> bool:
    """Whether the rater's last answer can be undone."""
    with _store()() as session:
        return assignment.may_undo(session, rater_id=rater_id)


def question(visit: Visit) -> Screen:
    """The campaign's question, answers and note without an item, for the instructions."""
    with _store()() as session:
        return screens.of(session, visit.campaign, None)


def shuffled(rater_id: int, rules: Protocol) -> list[list[int]]:
    """The order in which this rater sees the options of each question of the check; fixed for a rater."""
    orders = []
    for place, asked in enumerate(rules.check):
        order = list(range(len(asked.options)))
        random.Random(f"{rater_id}/{place}").shuffle(order)
        orders.append(order)
    return orders


def _visit(
    session: Session, study: Study, campaign: Campaign, rater: Rater | None, progress: Progress | None = None
) -> Visit:
    rules = protocol.of(campaign)
    open_item = rater is not None and rater.state == RaterState.RATING and rater.excluded_at is None
    item_id = rater.assigned_item_id if rater is not None and open_item else None
    item = session.get_one(Item, item_id) if item_id is not None else None
    screen = screens.of(session, campaign, item, swapped=rater.is_swapped if rater else False)
    progress = progress or assignment.progress(session, campaign, rater.id if rater else 0)
    stage = _stage(campaign, rules, screen, rater, item, progress)
    is_new = stage == Stage.WELCOME and not access.is_preview() and not rules.panel.id_parameter
    return Visit(
        has_room=not is_new or choice.has_room(session, campaign, now=time.time()),
        stage=stage,
        study=study,
        campaign=campaign,
        rules=rules,
        rater=rater,
        item=item,
        screen=screen,
        progress=progress,
        minutes=effort.minutes(session, campaign, n=progress.total) if stage == Stage.WELCOME else float("nan"),
    )


def _stage(
    campaign: Campaign, rules: Protocol, screen: Screen, rater: Rater | None, item: Item | None, progress: Progress
) -> Stage:
    if not campaign.is_open and not access.is_preview():
        return Stage.CLOSED
    if rater is None:
        return Stage.DECLINED if st.session_state.get(DECLINED) else Stage.WELCOME
    has_read = bool(st.session_state.get(READ))
    if rater.state == RaterState.CHECKING:
        return Stage.CHECK if has_read else Stage.INSTRUCTIONS
    if item is None:
        return Stage.END
    says_something = bool(campaign.instructions or rules.examples or screen.note) and not rules.check
    return Stage.INSTRUCTIONS if says_something and not has_read and progress.done == 0 else Stage.ITEM


def _turn() -> Turn | None:
    """What the click that led to this run has read, so that it is not read again; None if it is not as fresh as a read."""
    at, turn = st.session_state.pop(retry.TURN, (0.0, None))
    return turn if time.monotonic() - at < FRESH_S else None


def _known(session: Session, campaign: Campaign) -> Rater | None:
    """Find who is rating: the first that is known of this session, the code or panel id in the address, and the cookie."""
    address = st.query_params.to_dict()
    if RATER in st.session_state:
        rater = session.get(Rater, st.session_state[RATER])
        if rater is None or access.is_preview() or not enrolment.is_another(campaign, rater, address):
            return rater
        begin_as_somebody_else()
    if access.is_preview():
        return None
    code = st.query_params.get("me", "")
    is_of_panel = bool(protocol.of(campaign).panel.id_parameter)
    by_browser = "" if code or is_of_panel else rating_memory.code(access.rater_token())
    rater = enrolment.come_back(session, campaign, code, panel=address)
    if rater is None and by_browser:
        rater = enrolment.come_back(session, campaign, by_browser)
        st.session_state[rating_memory.REMEMBERED] = rater is not None
    if rater is not None:
        st.session_state[RATER] = rater.id
    elif code:
        st.session_state[UNKNOWN] = code
        del st.query_params["me"]
    return rater


def _is_back(rater: Rater, is_first: bool) -> bool:
    """Whether a rater has come back to continue. A rater who is done sees the code again and asks for more by a button."""
    return is_first and rater.state != RaterState.DONE


def _waits(rater: Rater) -> bool:
    """Whether a rater in mid-session, who is not excluded, has no item on the screen."""
    return rater.state == RaterState.RATING and rater.assigned_item_id is None and rater.excluded_at is None


def _go_on(session: Session, rater_id: int) -> None:
    enrolment.go_on(session, rater_id=rater_id)
    assignment.next_item(session, rater_id=rater_id, now=time.time(), rng=random.Random())


def _clean_address(token: str, code: str) -> None:
    """Keep only the campaign's token and the personal code in the address, and drop a panel's parameters."""
    wanted = {"campaign": token, "me": code}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def _writing() -> AbstractContextManager[Session]:
    """A writing session for a click; a rater is told of a locked database after some seconds, not after half a minute."""
    return _store().write(patience_s=PATIENCE_S)


def _store() -> Store:
    """The store that the visitor's clicks write to: the campaign's copy in a preview, else the real store.

    The address alone decides: if an organiser's sign-in expires during a preview, the clicks must not become answers.
    """
    return _rehearsal(st.query_params["preview"]) if access.asks_preview() else resources.store()


@st.cache_resource(scope="session", max_entries=1, show_spinner=False, on_release=Store.close)
def _rehearsal(token: str) -> Store:
    with resources.store()() as session:
        return rehearsal.of(session, campaigns.by_token(session, token, even_closed=True))
