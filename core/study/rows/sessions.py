"""The tables of labelling sessions: campaigns, items, raters, ratings, comparisons, skips, replies of LLM raters."""

from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from core.study.rows.base import POINTER, Base
from core.study.rows.kinds import CampaignKind, ItemRole, RaterKind, RaterState


class Campaign(Base):
    """A labelling session.

    `token` is the unguessable part of the link that raters open. `source` is the name of the file if the ratings were
    imported, else "". `settings` holds a `core.subjectivity.sessions.protocol.Protocol` as JSON: consent, qualification
    check, attention checks, exclusion rules, panel. `rating_lost_usd` is the most that calls of LLM raters without a
    stored reply may have cost, in US dollars.
    """

    __tablename__ = "campaign"
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[CampaignKind]
    token: Mapped[str] = mapped_column(String(64), unique=True)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), default=None)
    raters_per_item: Mapped[int] = mapped_column(default=3)
    items_per_rater: Mapped[int] = mapped_column(default=20)
    instructions: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(default="")
    settings: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")
    is_open: Mapped[bool] = mapped_column(default=True)
    rating_lost_usd: Mapped[float] = mapped_column(default=0.0, server_default="0")


class Item(Base):
    """Something to be rated: a sample, a pair of samples, a pair of tasks, or an attention check with its own `text`.

    `expected` is the known answer of an attention check or a gold item; None for every other item.
    """

    __tablename__ = "item"
    __table_args__ = (UniqueConstraint("campaign_id", "external_id"),)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    external_id: Mapped[str] = mapped_column(String(200))
    role: Mapped[ItemRole] = mapped_column(default=ItemRole.ITEM, server_default=ItemRole.ITEM)
    sample_id: Mapped[int | None] = mapped_column(ForeignKey("sample.id"), default=None, index=True)
    left_task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), default=None)
    right_task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), default=None)
    left_sample_id: Mapped[int | None] = mapped_column(ForeignKey("sample.id"), default=None)
    right_sample_id: Mapped[int | None] = mapped_column(ForeignKey("sample.id"), default=None)
    text: Mapped[str] = mapped_column(default="", server_default="")
    expected: Mapped[str | None] = mapped_column(String(200), default=None)


class Rater(Base):
    """A rater of one campaign, known by a pseudonym and a personal code.

    `assigned_item_id` is the item on the rater's screen. Answers of an excluded rater stay stored and are left out of
    every statistic; `excluded_because` is kept without `excluded_at` if an organiser counts a rater again whom a rule had
    excluded, so that no rule excludes the rater once more. `panel_id` is the id of the person at a crowdsourcing panel,
    exported only on request. `facts` holds model, persona and temperature of an LLM rater, or further ids of the panel.
    """

    __tablename__ = "rater"
    __table_args__ = (
        UniqueConstraint("campaign_id", "pseudonym"),
        Index("ux_rater_panel", "campaign_id", "panel_id", unique=True),
    )
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    pseudonym: Mapped[str] = mapped_column(String(200))
    kind: Mapped[RaterKind]
    code: Mapped[str] = mapped_column(String(64), unique=True)
    consented_at: Mapped[float | None] = mapped_column(default=None)
    assigned_item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"), default=None, info=POINTER)
    assigned_at: Mapped[float | None] = mapped_column(default=None)
    is_swapped: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[RaterState] = mapped_column(default=RaterState.RATING, server_default=RaterState.RATING)
    check_tries: Mapped[int] = mapped_column(default=0, server_default="0")
    finished_at: Mapped[float | None] = mapped_column(default=None)
    warned_because: Mapped[str] = mapped_column(default="", server_default="")
    excluded_at: Mapped[float | None] = mapped_column(default=None)
    excluded_because: Mapped[str] = mapped_column(default="", server_default="")
    panel_id: Mapped[str | None] = mapped_column(String(200), default=None)
    facts: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")


class Rating(Base):
    """One answer of a rater about a sample.

    `label` is stored as the rater gave it, even if the task has no label of that name; in a campaign of kind `scale` the
    label is a number from 1 to 5. `place` is the position of the answer among the answers of its rater, from 1.
    """

    __tablename__ = "rating"
    __table_args__ = (UniqueConstraint("item_id", "rater_id", "label"),)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    rater_id: Mapped[int] = mapped_column(ForeignKey("rater.id"), index=True)
    label: Mapped[str] = mapped_column(String(200))
    duration_ms: Mapped[int | None] = mapped_column(default=None)
    place: Mapped[int | None] = mapped_column(default=None)


class Comparison(Base):
    """One answer of a rater about two tasks or two samples; the four ids are None for an attention check.

    Left and right are the sides of the screen. `winner` is the more subjective side: "left", "right" or "tie".
    """

    __tablename__ = "comparison"
    __table_args__ = (UniqueConstraint("item_id", "rater_id"),)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    rater_id: Mapped[int] = mapped_column(ForeignKey("rater.id"), index=True)
    winner: Mapped[str] = mapped_column(String(10))
    left_task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), default=None)
    right_task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), default=None)
    left_sample_id: Mapped[int | None] = mapped_column(ForeignKey("sample.id"), default=None)
    right_sample_id: Mapped[int | None] = mapped_column(ForeignKey("sample.id"), default=None)
    item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"), default=None)
    duration_ms: Mapped[int | None] = mapped_column(default=None)
    place: Mapped[int | None] = mapped_column(default=None)


class Skip(Base):
    """An item that a rater passed over; it is not shown to that rater again."""

    __tablename__ = "skip"
    __table_args__ = (UniqueConstraint("item_id", "rater_id"),)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    rater_id: Mapped[int] = mapped_column(ForeignKey("rater.id"), index=True)
    reason: Mapped[str]
    duration_ms: Mapped[int | None] = mapped_column(default=None)
    place: Mapped[int | None] = mapped_column(default=None)


class Reply(Base):
    """The reply of an LLM rater to one item, stored before it is parsed.

    `unclear` says why the reply could not be read as an answer; None if an answer was found. `cost_usd` is None if the
    price of the model is unknown.
    """

    __tablename__ = "reply"
    __table_args__ = (UniqueConstraint("item_id", "rater_id"),)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    rater_id: Mapped[int] = mapped_column(ForeignKey("rater.id"), index=True)
    request: Mapped[dict[str, Any]]
    content: Mapped[str]
    finish_reason: Mapped[str] = mapped_column(String(50))
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost_usd: Mapped[float | None]
    latency_s: Mapped[float]
    unclear: Mapped[str | None] = mapped_column(String(100), default=None)
