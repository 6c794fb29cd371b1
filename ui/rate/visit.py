"""A rater's way through a session: where they are, and what their clicks do. Every click is one transaction.

An organiser's preview takes the same way in a copy of the session that is kept in memory only.
"""

import random
import time
from collections.abc import Sequence
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
from core.subjectivity.sessions.assignment import Progress
from core.subjectivity.sessions.enrolment import Ending
from core.subjectivity.sessions.protocol import Protocol
from core.subjectivity.sessions.screens import Screen
from ui.frame import access
from ui.rate import memory as rating_memory
from ui.shared import resources, words

RATER, LINK, READ, WRONG, UNKNOWN, DECLINED = (
    "rate.rater", "rate.link", "rate.read", "rate.wrong", "rate.unknown", "rate.declined",
)  # fmt: skip
KEPT = (LINK, rating_memory.CAME_AS)
NO = "No"


class Stage(StrEnum):
    WELCOME = "welcome"
    DECLINED = "declined"
    INSTRUCTIONS = "instructions"
    CHECK = "check"
    ITEM = "item"
    END = "end"
    CLOSED = "closed"


@dataclass(frozen=True)
class Visit:
    """What the page shows: `rater` is None before consent, `item` where there is none to rate; `minutes` on the way in.

    `has_room` says whether someone who begins now would find something to rate.
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
    """Where this visitor is in the session of their link. Raises `StudyError` for a wrong one."""
    token, is_preview = access.rater_token(), access.is_preview()
    link = f"{'preview ' if is_preview else ''}{token}"
    is_first = st.session_state.get(LINK) != link
    if is_first:
        for name in [name for name in st.session_state if str(name).startswith("rate.")]:
            del st.session_state[name]
        st.session_state[rating_memory.CAME_AS] = enrolment.id_in_address(st.query_params.to_dict())
    with _desk()() as session:
        campaign = campaigns.by_token(session, token, even_closed=True)
        rater = _known(session, campaign)
        st.session_state[LINK] = link
        is_looking = rater is None or not campaign.is_open or not (_is_back(rater, is_first) or _waits(rater))
        visit = _visit(session, campaign, rater) if is_looking else None
    if visit is None and rater is not None:
        with _desk().write() as session:
            assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=random.Random())
            visit = _visit(session, campaign, session.get_one(Rater, rater.id))
    assert visit is not None
    if visit.rater is not None and not is_preview:
        _clean_address(token, visit.rater.code)
    return visit


def join() -> None:
    """Consent was given: a new rater, or the one a panel knows already."""
    if RATER in st.session_state:
        return
    screening = st.session_state.get("rate.screening")
    with words.problem(), _desk().write() as session:
        campaign = campaigns.by_token(session, access.rater_token(), even_closed=access.is_preview())
        if protocol.of(campaign).screening and screening is None:
            raise StudyError("Please answer the question with yes or no first.")
        panel = {} if access.is_preview() else enrolment.panel_ids(campaign, st.query_params.to_dict())
        rater = enrolment.join(session, campaign, now=time.time(), panel=panel, passed_screening=screening != NO)
        assignment.next_item(session, rater_id=rater.id, now=time.time(), rng=random.Random())
        st.session_state[RATER] = rater.id


def panel_problem(visit: Visit) -> str:
    """Why someone who came without the panel's id cannot begin; empty when nothing is missing."""
    if access.is_preview():
        return ""
    try:
        enrolment.panel_ids(visit.campaign, st.query_params.to_dict())
    except StudyError as error:
        return str(error)
    return ""


def begin_as_somebody_else() -> None:
    """Forget who this browser was: the next person at it begins anew."""
    for name in [name for name in st.session_state if str(name).startswith("rate.") and name not in KEPT]:
        del st.session_state[name]
    st.session_state[rating_memory.SOMEBODY_ELSE] = True
    st.query_params.pop("me", None)


def decline(declined: bool = True) -> None:
    st.session_state[DECLINED] = declined


def come_back() -> None:
    """Take up a session with the personal code in the field, on whatever device."""
    typed = str(st.session_state.get("rate.code", ""))
    with _desk().write() as session:
        campaign = campaigns.by_token(session, access.rater_token(), even_closed=True)
        rater = enrolment.come_back(session, campaign, typed, panel=st.query_params.to_dict())
        st.session_state[UNKNOWN] = None if rater else typed.strip()
        if rater is not None:
            st.session_state[RATER] = rater.id
            _go_on(session, rater.id)


def go_on(rater_id: int) -> None:
    """Take up a session that was left."""
    with _desk().write() as session:
        _go_on(session, rater_id)


def have_read() -> None:
    st.session_state[READ] = True


def check(rater_id: int, tries: int, orders: Sequence[Sequence[int]]) -> None:
    """Take a try at the comprehension check; `orders` are the options' places in the order in which they were shown.

    `tries` had been taken when it was shown, so that a double click takes one.
    """
    shown = [st.session_state.get(f"rate.check.{place}") for place in range(len(orders))]
    given = [order[choice] for order, choice in zip(orders, shown, strict=True) if choice is not None]
    with words.problem(), _desk().write() as session:
        if session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME).check_tries != tries:
            return
        st.session_state[WRONG] = enrolment.check(session, rater_id=rater_id, answers=given, now=time.time())
        assignment.next_item(session, rater_id=rater_id, now=time.time(), rng=random.Random())


def answer(rater_id: int, item_id: int, given: str) -> None:
    """Store an answer and take the next item. A second click on the same item changes nothing."""
    now = time.time()
    with words.problem(), _desk().write() as session:
        if assignment.record(session, rater_id=rater_id, item_id=item_id, answer=given, now=now):
            assignment.next_item(session, rater_id=rater_id, now=now, rng=random.Random())


def skip(rater_id: int, item_id: int, reason: str) -> None:
    """Pass over the item on the screen and take the next one."""
    now = time.time()
    with words.problem(), _desk().write() as session:
        if assignment.skip(session, rater_id=rater_id, item_id=item_id, reason=reason, now=now):
            assignment.next_item(session, rater_id=rater_id, now=now, rng=random.Random())


def take_back(rater_id: int, item_id: int | None) -> None:
    """Take the last answer back, if the item on the screen is still the one the click was made at."""
    with _desk().write() as session:
        if session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME).assigned_item_id != item_id:
            return
        if not assignment.undo(session, rater_id=rater_id, now=time.time()):
            st.toast("That answer cannot be taken back: it was to a check, or the session has ended.")


def leave(rater_id: int) -> None:
    with _desk().write() as session:
        enrolment.leave(session, rater_id=rater_id, now=time.time())


def ending(campaign: Campaign, rater: Rater) -> Ending:
    """How a rater's session ended, and what there is to hand in."""
    with _desk()() as session:
        return enrolment.ending(session, campaign, rater)


def may_undo(rater_id: int) -> bool:
    with _desk()() as session:
        return assignment.may_undo(session, rater_id=rater_id)


def asked(visit: Visit) -> Screen:
    """What is asked about the items, also while a check is on the screen."""
    with _desk()() as session:
        return screens.of(session, visit.campaign, None)


def shuffled(rater_id: int, rules: Protocol) -> list[list[int]]:
    """The order in which this rater sees the options of each question of the check: always the same one."""
    orders = []
    for place, question in enumerate(rules.check):
        order = list(range(len(question.options)))
        random.Random(f"{rater_id}/{place}").shuffle(order)
        orders.append(order)
    return orders


def _visit(session: Session, campaign: Campaign, rater: Rater | None) -> Visit:
    rules = protocol.of(campaign)
    open_item = rater is not None and rater.state == RaterState.RATING and rater.excluded_at is None
    item_id = rater.assigned_item_id if rater is not None and open_item else None
    item = session.get_one(Item, item_id) if item_id is not None else None
    screen = screens.of(session, campaign, item, swapped=rater.is_swapped if rater else False)
    progress = assignment.progress(session, campaign, rater.id if rater else 0)
    stage = _stage(campaign, rules, screen, rater, item, progress)
    is_new = stage == Stage.WELCOME and not access.is_preview() and not rules.panel.id_parameter
    return Visit(
        has_room=not is_new or assignment.has_room(session, campaign, now=time.time()),
        stage=stage,
        study=session.get_one(Study, campaign.study_id),
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


def _known(session: Session, campaign: Campaign) -> Rater | None:
    """The rater of this browser session, of the code in the address, or of the panel's id in it."""
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
    """Whether a rater comes back to go on. Who is done sees the code again, and asks for more items by a button."""
    return is_first and rater.state != RaterState.DONE


def _waits(rater: Rater) -> bool:
    """Whether a rater who is at it has nothing on the screen."""
    return rater.state == RaterState.RATING and rater.assigned_item_id is None and rater.excluded_at is None


def _go_on(session: Session, rater_id: int) -> None:
    enrolment.go_on(session, rater_id=rater_id)
    assignment.next_item(session, rater_id=rater_id, now=time.time(), rng=random.Random())


def _clean_address(token: str, code: str) -> None:
    """Leave in the address what leads back here, and nothing that a panel put there."""
    wanted = {"campaign": token, "me": code}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def _desk() -> Store:
    """The store in which this visit leaves its traces. The address alone decides: whose sign-in ran out during a preview
    must not answer in the session itself."""
    return _rehearsal(st.query_params["preview"]) if access.asks_preview() else resources.store()


@st.cache_resource(scope="session", max_entries=1, show_spinner=False, on_release=Store.close)
def _rehearsal(token: str) -> Store:
    with resources.store()() as session:
        return rehearsal.of(session, campaigns.by_token(session, token, even_closed=True))
