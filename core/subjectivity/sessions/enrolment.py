"""A rater's way in and out: consent, screening, the comprehension check, coming back, and the code at the end."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Item, Rater
from core.study.store import ONE_AT_A_TIME
from core.subjectivity.sessions import campaigns, protocol

CODE_GROUPS, CODE_GROUP = 3, 4
LONGEST_ID = 200
PLACEHOLDER = re.compile(r"\{\{|\}\}|\$\{|\{%|%%|\[\[|\]\]|^\{.*\}$|^\[.*\]$|^<.*>$|^%.+%$|^\$\w+$|^__\w+__$|^:\w+$")
UNFILLED = frozenset(
    [
        "prolificpid",
        "studyid",
        "sessionid",
        "workerid",
        "assignmentid",
        "hitid",
        "participantid",
        "participant",
        "userid",
    ]
    + ["respondentid", "panelid", "assignmentidnotavailable", "undefined", "null", "none", "nan", "yourid", "id", "pid"]
    + ["rid", "psid", "externalid", "transactionid", "subjectid", "uid", "tbd", "todo", "changeme", "placeholder"]
)
# A stand-in of somebody's own is made of words that stand for an id and of words around them, and of nothing else.
STANDS_FOR_ID = frozenset(
    [
        "id",
        "ids",
        "pid",
        "code",
        "number",
        "respondent",
        "participant",
        "worker",
        "person",
        "panelist",
        "subject",
        "rater",
        "user",
    ]
)
AROUND_IT = frozenset(
    [
        "of",
        "the",
        "a",
        "an",
        "this",
        "that",
        "your",
        "my",
        "our",
        "their",
        "its",
        "s",
        "here",
        "there",
        "goes",
        "insert",
        "put",
    ]
    + [
        "enter",
        "paste",
        "add",
        "replace",
        "fill",
        "in",
        "with",
        "from",
        "unique",
        "personal",
        "external",
        "prolific",
        "mturk",
    ]
    + ["sona", "panel", "survey", "study", "session", "name", "value", "placeholder", "parameter"]
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W_A-Za-z]+")
CROSSES = re.compile(r"[x?.*#_\s-]{2,32}", re.IGNORECASE)
# The names under which panels send the id of a person, folded; also read where an organiser has set up no panel.
ID_PARAMETERS = frozenset(
    [
        "prolificpid",
        "workerid",
        "participantid",
        "participant",
        "respondentid",
        "rid",
        "psid",
        "pid",
        "surveycode",
        "userid",
    ]
    + ["uid", "id", "externalid", "panelid", "assignmentid", "subjectid", "personid"]
)


@dataclass(frozen=True)
class Ending:
    """How a session ends for a rater, after so many answers. `code` and `url` are empty where there is nothing to hand in."""

    state: RaterState
    answered: int
    code: str
    url: str


def panel_ids(campaign: Campaign, parameters: Mapping[str, str]) -> dict[str, str]:
    """The panel's parameters found in an address, by their names. Empty for a campaign without a panel.

    Raises `StudyError` when a panel is set up and its id is missing, so that nobody works without being paid.
    """
    panel = protocol.of(campaign).panel
    if not panel.id_parameter:
        return {}
    if not _tidy_id(parameters.get(panel.id_parameter, "")):
        raise StudyError(
            f"This session is for people who come from a panel, and the address lacks {panel.id_parameter}. Please open it "
            "from the panel's own page."
        )
    names = (panel.id_parameter, panel.study_parameter, panel.session_parameter)
    found = {name: _tidy_id(parameters[name]) for name in names if name and parameters.get(name)}
    unfilled = next((name for name, value in found.items() if is_placeholder(value, name)), None)
    if unfilled is not None:
        raise StudyError(
            f"This link still holds the placeholder {found[unfilled]!r} where the panel should have put {unfilled}. For whoever "
            "runs the study: set the link in the panel so that it fills this in, and try it from the panel's preview."
        )
    return found


def is_placeholder(value: str, name: str = "") -> bool:
    """Whether a panel's parameter holds a placeholder, the panel's or the organiser's own, which was never filled in."""
    plain, own = _folded(value), _folded(name)
    return (
        any(PLACEHOLDER.search(written) for written in (value, unquote(value)))
        or plain in UNFILLED
        or (bool(own) and plain == own)
        or CROSSES.fullmatch(value) is not None
        or _is_stand_in(value)
    )


def id_in_address(parameters: Mapping[str, str]) -> str:
    """What an address says about who comes, by the names that panels use; empty for a plain link."""
    found = sorted(
        (_folded(name), _tidy_id(value)) for name, value in parameters.items() if _folded(name) in ID_PARAMETERS
    )
    return "&".join(f"{name}={value}" for name, value in found if value)


def join(
    session: Session,
    campaign: Campaign,
    *,
    now: float,
    kind: RaterKind = RaterKind.PERSON,
    panel: Mapping[str, str] | None = None,
    passed_screening: bool = True,
) -> Rater:
    """A new rater under a pseudonym, with a personal code to come back with. Consent is given by joining.

    A panel's person who joined before is the same rater as then. Without `passed_screening` the session is over at once.
    """
    rules = protocol.of(campaign)
    panel_id = (panel or {}).get(rules.panel.id_parameter)
    known = _by_panel_id(session, campaign, panel_id)
    if known is not None:
        return known
    state = RaterState.CHECKING if rules.check and kind == RaterKind.PERSON else RaterState.RATING
    rater = Rater(
        campaign_id=campaign.id,
        pseudonym=f"rater-{secrets.token_hex(4)}",
        kind=kind,
        code=_personal_code(),
        consented_at=now,
        state=state if passed_screening else RaterState.SCREENED_OUT,
        finished_at=None if passed_screening else now,
        panel_id=panel_id,
        facts=dict(panel or {}),
    )
    try:
        _add(session, rater)
    except IntegrityError:
        known = _by_panel_id(session, campaign, panel_id)
        if known is None:
            raise
        return known
    return rater


def come_back(
    session: Session, campaign: Campaign, code: str, *, panel: Mapping[str, str] | None = None
) -> Rater | None:
    """The rater of this campaign with this personal code (case and dashes do not matter) or panel id, if there is one.

    A panel's id goes first: with it, the code of a person who came under another id is nobody's.
    """
    given = (panel or {}).get(protocol.of(campaign).panel.id_parameter)
    known = _by_panel_id(session, campaign, given)
    if known is not None or not code.strip() or not code.isprintable():
        return known
    tried = (code.strip(), tidy_code(code))
    coded = session.scalar(select(Rater).where(Rater.campaign_id == campaign.id, Rater.code.in_(tried)))
    return None if coded is None or is_another(campaign, coded, panel or {}) else coded


def is_another(campaign: Campaign, rater: Rater, parameters: Mapping[str, str]) -> bool:
    """Whether an address holds the panel's id of a person who is not this rater."""
    given = _tidy_id(parameters.get(protocol.of(campaign).panel.id_parameter, ""))
    return bool(given) and not is_placeholder(given) and rater.panel_id not in (None, given)


def check(session: Session, *, rater_id: int, answers: Sequence[int], now: float) -> list[int]:
    """Take a try at the comprehension check: the places of the questions answered wrongly, none when it is passed.

    When the last try fails the session ends. Raises `StudyError` when not every question is answered.
    """
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    rules = protocol.of(session.get_one(Campaign, rater.campaign_id))
    if len(answers) != len(rules.check):
        raise StudyError("Please answer every question.")
    wrong = [
        place
        for place, (question, given) in enumerate(zip(rules.check, answers, strict=True))
        if given != question.answer
    ]
    if rater.state != RaterState.CHECKING:
        return wrong
    rater.check_tries += 1
    if not wrong:
        rater.state = RaterState.RATING
    elif rater.check_tries >= rules.check_tries:
        rater.state, rater.finished_at = RaterState.FAILED_CHECK, now
    session.flush()
    return wrong


def leave(session: Session, *, rater_id: int, now: float) -> None:
    """End a session early: the item on the screen goes to others, every answer stays. Coming back later is possible."""
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    if rater.state in (RaterState.CHECKING, RaterState.RATING):
        rater.state, rater.finished_at, rater.assigned_item_id = RaterState.LEFT, now, None
        session.flush()


def go_on(session: Session, *, rater_id: int) -> None:
    """Take up a session again that was left early; the check is not passed by leaving."""
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    if rater.state != RaterState.LEFT:
        return
    rules = protocol.of(session.get_one(Campaign, rater.campaign_id))
    is_new = bool(rules.check) and rater.kind == RaterKind.PERSON and not _has_passed(rater)
    rater.state, rater.finished_at = RaterState.CHECKING if is_new else RaterState.RATING, None
    session.flush()


def ending(session: Session, campaign: Campaign, rater: Rater) -> Ending:
    """The code and the panel's address for the way a rater's session ended.

    Someone who answered nothing but checks, because there was nothing left or everything was skipped, gets the code of the screened
    out: the code for a completed session is given for answers only.
    """
    rules, table = protocol.of(campaign), campaigns.answers_of(campaign)
    counted = select(Item.role, func.count(table.id)).join(Item, Item.id == table.item_id)
    answered = dict(session.execute(counted.where(table.rater_id == rater.id).group_by(Item.role)).all())
    has_worked = bool(answered.keys() - {ItemRole.ATTENTION})
    failed = rater.excluded_at is not None and rater.state != RaterState.DONE
    state = RaterState.FAILED_CHECK if failed else rater.state
    code = {
        RaterState.DONE: rules.codes.complete if has_worked else rules.codes.screened_out,
        RaterState.SCREENED_OUT: rules.codes.screened_out,
        RaterState.FAILED_CHECK: rules.codes.failed_check,
    }.get(state, "")
    url = rules.panel.return_url.replace("{code}", quote(code)) if code else ""
    return Ending(state, sum(answered.values()), code, url)


def tidy_code(typed: str) -> str:
    """A personal code as it is stored, from one typed with other case, spaces or dashes."""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    return "-".join(letters[start : start + CODE_GROUP] for start in range(0, len(letters), CODE_GROUP))


def _has_passed(rater: Rater) -> bool:
    """Someone who left while rating has an item's time on record; someone who left during the check has not."""
    return rater.assigned_at is not None


def _by_panel_id(session: Session, campaign: Campaign, panel_id: str | None) -> Rater | None:
    wanted = _tidy_id(panel_id or "")
    if not wanted or is_placeholder(wanted):
        return None
    return session.scalar(select(Rater).where(Rater.campaign_id == campaign.id, Rater.panel_id == wanted))


def _is_stand_in(value: str) -> bool:
    words = {word.casefold() for word in WORD.findall(value)}
    return bool(words & STANDS_FOR_ID) and words <= STANDS_FOR_ID | AROUND_IT


def _folded(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.casefold())


def _tidy_id(given: str) -> str:
    """What an address says, as it is stored: no database takes every character that an address can hold."""
    return "".join(letter for letter in given if letter.isprintable()).strip()[:LONGEST_ID]


def _add(session: Session, rater: Rater) -> None:
    """Store a new rater; of two who come with one panel id at the same moment the second raises and spoils nothing."""
    if rater.panel_id is None:
        session.add(rater)
        session.flush()
        return
    with session.begin_nested():
        session.add(rater)


def _personal_code() -> str:
    return tidy_code("".join(secrets.choice(protocol.CODE_LETTERS) for _ in range(CODE_GROUPS * CODE_GROUP)))
