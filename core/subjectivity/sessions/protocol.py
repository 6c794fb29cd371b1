"""The protocol of a labelling session: consent, examples, comprehension check, attention checks, rules, panel, codes.

A campaign stores its `Protocol` as JSON in `Campaign.settings`; settings that are missing there have the defaults below.
"""

import math
import re
import secrets
from enum import StrEnum
from typing import Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from core.errors import StudyError
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign

CONSENT = (
    "Your answers are stored under a random name, without anything that identifies you, and are used for research on how "
    "far people agree. Taking part is voluntary: you can stop at any time, and what you answered until then is kept."
)
SKIP_REASONS = ("I do not understand it", "None of the answers fits", "I would rather not read this")
PROLIFIC_RETURN = "https://app.prolific.com/submissions/complete?cc={code}"
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
PARAMETER = r"^[A-Za-z0-9_.-]{0,64}$"
OWN_PARAMETERS = {"campaign", "preview", "me"}
ADDRESS = re.compile(r"https?://[^\s\"'<>{}/?#]+[/?#][^\s\"'<>]*")


class Action(StrEnum):
    """The consequence for a rater who breaks a rule: nothing, a warning that organisers see, or exclusion."""

    NOTHING = "nothing"
    WARN = "warn"
    EXCLUDE = "exclude"


class _Part(BaseModel):
    """A part of the protocol: immutable, without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Question(_Part):
    """A question of the comprehension check. `answer`: the index of the right option, from 0. `why`: the explanation."""

    text: str = Field(min_length=1, max_length=1000)
    options: tuple[str, ...] = Field(min_length=2, max_length=9)
    answer: int = Field(ge=0)
    why: str = Field(default="", max_length=1000)

    @pydantic.model_validator(mode="after")
    def _answer_is_an_option(self) -> "Question":
        if self.answer >= len(self.options):
            raise ValueError("the right answer must be one of the options")
        return self


class Example(_Part):
    """A worked example in the instructions."""

    text: str = Field(min_length=1, max_length=4000)
    answer: str = Field(max_length=200)
    why: str = Field(default="", max_length=1000)


class Rules(_Part):
    """Rules about raters, each with the `Action` for a rater who breaks the rule.

    - attention: at least `attention_misses` missed attention checks
    - gold: a share of right gold answers below `gold_share` (0 to 1), from `gold_after` answers on
    - speed: a median time per item below `seconds`, from five answers on
    - straight: the same answer at least `straight_line` times in a row
    - skips: a share of skipped items above `skip_share` (0 to 1), from five items on
    """

    attention: Action = Action.EXCLUDE
    attention_misses: int = Field(default=2, ge=1, le=50)
    gold: Action = Action.WARN
    gold_share: float = Field(default=0.6, ge=0, le=1)
    gold_after: int = Field(default=3, ge=1, le=100)
    speed: Action = Action.WARN
    seconds: float = Field(default=1.0, ge=0, le=600)
    straight: Action = Action.WARN
    straight_line: int = Field(default=15, ge=3, le=1000)
    skips: Action = Action.WARN
    skip_share: float = Field(default=0.5, ge=0, le=1)


class Panel(_Part):
    """The link to a panel of raters, such as Prolific.

    `id_parameter`, `study_parameter`, `session_parameter`: names of the parameters in a rater's address; an empty
    `id_parameter` means that raters come by the plain link. `return_url`: the address to return to, with `{code}`; ""
    means that the code is shown. `go_back_by_itself`: whether the browser opens this address at once.
    """

    id_parameter: str = Field(default="", pattern=PARAMETER)
    study_parameter: str = Field(default="", pattern=PARAMETER)
    session_parameter: str = Field(default="", pattern=PARAMETER)
    return_url: str = Field(default="", max_length=1000)
    go_back_by_itself: bool = False

    @pydantic.field_validator("return_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and not (ADDRESS.fullmatch(url) and url.isprintable() and "{code}" in url):
            raise ValueError("the address to go back to must begin with https:// and hold {code}")
        return url

    @pydantic.model_validator(mode="after")
    def _names_are_the_panels_own(self) -> "Panel":
        names = [name for name in (self.id_parameter, self.study_parameter, self.session_parameter) if name]
        if len(set(names)) < len(names) or set(names) & OWN_PARAMETERS:
            raise ValueError(f"its parameters must differ from each other and from {', '.join(sorted(OWN_PARAMETERS))}")
        return self


PROLIFIC = Panel(
    id_parameter="PROLIFIC_PID",
    study_parameter="STUDY_ID",
    session_parameter="SESSION_ID",
    return_url=PROLIFIC_RETURN,
)


class Codes(_Part):
    """The completion codes that a rater hands in, one for each way in which a session can end."""

    complete: str = Field(default="", max_length=64)
    screened_out: str = Field(default="", max_length=64)
    failed_check: str = Field(default="", max_length=64)


class Protocol(_Part):
    """The settings of a session, apart from its items.

    - screening: a yes/no question; "no" ends the session; "" asks no question
    - check, check_tries: the comprehension check and the number of tries
    - idle_minutes: after so many minutes without an answer, an item is also given to another rater
    - attention_every: an attention check comes for every so many items (0: no checks)
    - gold_per_rater: gold items that a rater sees. Checks and gold items come in addition to the items per rater.
    """

    consent: str = Field(default=CONSENT, max_length=10_000)
    screening: str = Field(default="", max_length=1000)
    examples: tuple[Example, ...] = Field(default=(), max_length=20)
    check: tuple[Question, ...] = Field(default=(), max_length=20)
    check_tries: int = Field(default=2, ge=1, le=10)
    may_skip: bool = False
    skip_reasons: tuple[str, ...] = SKIP_REASONS
    may_undo: bool = True
    idle_minutes: float = Field(default=10, gt=0, le=24 * 60)
    attention_every: int = Field(default=0, ge=0, le=1000)
    gold_per_rater: int = Field(default=0, ge=0, le=1000)
    rules: Rules = Rules()
    panel: Panel = Panel()
    codes: Codes = Codes()

    def attention_checks(self, items: int) -> int:
        """The number of attention checks among so many items of a rater; 0 for a session without checks."""
        return math.ceil(items / self.attention_every) if self.attention_every else 0


def of(campaign: Campaign) -> Protocol:
    """The protocol of a campaign. Raises `StudyError` if the stored settings are invalid."""
    return parse(campaign.settings)


def parse(settings: dict[str, object]) -> Protocol:
    """Parse a protocol from JSON. Raises `StudyError`, which names the first invalid setting."""
    try:
        return Protocol.model_validate(settings)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = " > ".join(str(part) for part in first["loc"])
        problem = str(first["msg"]).removeprefix("Value error, ")
        raise StudyError(f"The session cannot be set up so: {where or 'a setting'}: {problem}.") from error


def new_codes() -> Codes:
    """Three random completion codes, none of which can be guessed from another."""
    return Codes(complete=_code("C"), screened_out=_code("S"), failed_check=_code("F"))


def default_check(kind: CampaignKind) -> tuple[Question, ...]:
    """The default comprehension check of a kind of campaign: two questions."""
    own = Question(
        text="What should your answers go by?",
        options=("My own honest reading", "What I think most people would say", "Whatever I answered before"),
        answer=0,
        why="We want to know how you read each item. There is no answer that we hope for.",
    )
    return (own, _ASKED[kind])


_ASKED = {
    CampaignKind.LABEL: Question(
        text="You are unsure between two answers. What do you do?",
        options=("Choose the one that fits better", "Choose at random", "Close the page"),
        answer=0,
        why="Choose the one that fits better, even if only a little.",
    ),
    CampaignKind.COMPARE: Question(
        text="Which of two tasks is the more subjective one?",
        options=(
            "The one whose right answer depends more on who is judging",
            "The one that is harder to read",
            "The one with more possible answers",
        ),
        answer=0,
        why="A task is subjective when thoughtful people can disagree about the right answer.",
    ),
    CampaignKind.COMPARE_ITEMS: Question(
        text="Which of two texts do you choose?",
        options=(
            "The one about which people would disagree more",
            "The one that I like better",
            "The one that is longer",
        ),
        answer=0,
        why="Choose the text about whose answer people would disagree more.",
    ),
    CampaignKind.SCALE: Question(
        text="When do you choose 5?",
        options=(
            "When the answer depends entirely on who is judging",
            "When I like the text very much",
            "When the text is written badly",
        ),
        answer=0,
        why="The scale is about how far the answer is a matter of opinion, from 1 (not at all) to 5 (entirely).",
    ),
}


def _code(first: Literal["C", "S", "F"]) -> str:
    """A random completion code with this first letter."""
    return first + "".join(secrets.choice(CODE_LETTERS) for _ in range(7))
