"""Enrol raters and end their sessions: consent, screening, comprehension check, return, panel ids, completion codes."""

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
# A placeholder that an organiser made up, such as YOUR_ID_HERE, consists of words for an id and of filler words only.
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
    """The end of a rater's session.

    `answered`: number of answers, checks included. `code`: the completion code; `url`: the panel's address with the code;
    both "" if the rater has no code to hand in.
    """

    state: RaterState
    answered: int
    code: str
    url: str


def panel_ids(campaign: Campaign, parameters: Mapping[str, str]) -> dict[str, str]:
    """The panel's parameters in an address: name -> value; empty for a campaign without a panel.

    Raises `StudyError` if the person's id is missing or a parameter still is a placeholder, so that nobody works without
    being paid.
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
    """Whether the value of a panel's parameter is a placeholder (of the panel or the organiser) that was not filled in.

    `name`: the name of the parameter; a value equal to the name is a placeholder.
    """
    plain, plain_name = _folded(value), _folded(name)
    return (
        any(PLACEHOLDER.search(text) for text in (value, unquote(value)))
        or plain in UNFILLED
        or (bool(plain_name) and plain == plain_name)
        or CROSSES.fullmatch(value) is not None
        or _is_made_up(value)
    )


def id_in_address(parameters: Mapping[str, str]) -> str:
    """The personal ids in an address, under any name that panels use, as "name=value&..."; "" for a plain link."""
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
    """Enrol a rater with a pseudonym and a personal code for coming back; joining is the consent.

    `panel`: the panel's parameters (`panel_ids`); a person whose panel id joined before gets the same rater. A rater who
    has not `passed_screening` is screened out at once.
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
    """Find a rater of the campaign by panel id or personal code (case and dashes do not matter); None if unknown.

    The panel id has priority: the code of a rater with another panel id does not count.
    """
    panel_id = (panel or {}).get(protocol.of(campaign).panel.id_parameter)
    known = _by_panel_id(session, campaign, panel_id)
    if known is not None or not code.strip() or not code.isprintable():
        return known
    tried = (code.strip(), tidy_code(code))
    coded = session.scalar(select(Rater).where(Rater.campaign_id == campaign.id, Rater.code.in_(tried)))
    return None if coded is None or is_another(campaign, coded, panel or {}) else coded


def is_another(campaign: Campaign, rater: Rater, parameters: Mapping[str, str]) -> bool:
    """Whether an address holds the panel id of another person than this rater."""
    panel_id = _tidy_id(parameters.get(protocol.of(campaign).panel.id_parameter, ""))
    return bool(panel_id) and not is_placeholder(panel_id) and rater.panel_id not in (None, panel_id)


def check(session: Session, *, rater_id: int, answers: Sequence[int], now: float) -> list[int]:
    """Mark a try at the comprehension check, and return the indices of the wrongly answered questions; [] if passed.

    After the last failed try the session ends. Raises `StudyError` if a question is not answered.
    """
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    rules = protocol.of(session.get_one(Campaign, rater.campaign_id))
    if len(answers) != len(rules.check):
        raise StudyError("Please answer every question.")
    wrong = [
        place
        for place, (question, answer) in enumerate(zip(rules.check, answers, strict=True))
        if answer != question.answer
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
    """End a rater's session early: the item on the screen is released, answers stay, and the rater may come back."""
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    if rater.state in (RaterState.CHECKING, RaterState.RATING):
        rater.state, rater.finished_at, rater.assigned_item_id = RaterState.LEFT, now, None
        session.flush()


def go_on(session: Session, *, rater_id: int) -> None:
    """Resume a session that the rater left early; a comprehension check that was not passed is asked again."""
    rater = session.get_one(Rater, rater_id, with_for_update=ONE_AT_A_TIME)
    if rater.state != RaterState.LEFT:
        return
    rules = protocol.of(session.get_one(Campaign, rater.campaign_id))
    is_new = bool(rules.check) and rater.kind == RaterKind.PERSON and not has_passed(rater)
    rater.state, rater.finished_at = RaterState.CHECKING if is_new else RaterState.RATING, None
    session.flush()


def ending(session: Session, campaign: Campaign, rater: Rater) -> Ending:
    """Compute the completion code and the panel's address for a rater's session.

    A rater whose session is done without an answer other than to attention checks (no item was left, or all items were
    skipped) gets the code of screened-out raters, because the code of a completed session stands for answers.
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


def has_passed(rater: Rater) -> bool:
    """Whether the rater passed the comprehension check, as only then an item was assigned."""
    return rater.assigned_at is not None


def tidy_code(typed: str) -> str:
    """Normalise a typed personal code to its stored form: capitals, in groups joined by dashes."""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    return "-".join(letters[start : start + CODE_GROUP] for start in range(0, len(letters), CODE_GROUP))


def _by_panel_id(session: Session, campaign: Campaign, panel_id: str | None) -> Rater | None:
    """The rater with a panel id; None if the id is empty, a placeholder or unknown."""
    wanted = _tidy_id(panel_id or "")
    if not wanted or is_placeholder(wanted):
        return None
    return session.scalar(select(Rater).where(Rater.campaign_id == campaign.id, Rater.panel_id == wanted))


def _is_made_up(value: str) -> bool:
    """Whether a value is a placeholder that an organiser made up, such as YOUR_ID_HERE.

    One word for an id beside a single letter, such as participant_a, is the id of somebody.
    """
    words = {word.casefold() for word in WORD.findall(value)}
    for_id, others = words & STANDS_FOR_ID, words - STANDS_FOR_ID
    is_lettered = len(for_id) == 1 and len(others) == 1 and all(len(word) == 1 for word in others)
    return bool(for_id) and others <= AROUND_IT and not is_lettered


def _folded(text: str) -> str:
    """The letters a-z and digits of a text, in lower case."""
    return re.sub(r"[^a-z0-9]+", "", text.casefold())


def _tidy_id(value: str) -> str:
    """The stored form of a panel id: printable characters only, because databases refuse some others, and cut off."""
    return "".join(letter for letter in value if letter.isprintable()).strip()[:LONGEST_ID]


def _add(session: Session, rater: Rater) -> None:
    """Store a new rater. Raises `IntegrityError` if a rater with the same panel id was stored at the same moment.

    Only the savepoint is then rolled back, not the whole transaction.
    """
    if rater.panel_id is None:
        session.add(rater)
        session.flush()
        return
    with session.begin_nested():
        session.add(rater)


def _personal_code() -> str:
    """A random personal code."""
    return tidy_code("".join(secrets.choice(protocol.CODE_LETTERS) for _ in range(CODE_GROUPS * CODE_GROUP)))
