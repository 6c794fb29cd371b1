"""The rows of labelling sessions: campaigns, what is rated, who rates, and every answer."""

from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from core.study.rows.base import Base
from core.study.rows.kinds import ItemRole, RaterState


class Campaign(Base):
    """A labelling session. `token` is the unguessable part of the raters' link; `source` names the file of an imported one.

    `settings` is a `core.subjectivity.sessions.protocol.Protocol`: consent, check, attention checks, rules, panel.
    `rating_lost_usd` is the most that calls of LLM raters without a stored reply may have cost, in US dollars.
    """

    __tablename__ = "campaign"
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
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
    """What is rated: a sample, a pair of samples, a pair of tasks, or a check with its own `text`.

    `expected` is the known answer of an attention check or a gold item, else None.
    """

    __tablename__ = "item"
    __table_args__ = (UniqueConstraint("campaign_id", "external_id"),)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    external_id: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20), default=ItemRole.ITEM, server_default=ItemRole.ITEM)
    sample_id: Mapped[int | None] = mapped_column(ForeignKey("sample.id"), default=None, index=True)
    left_task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), default=None)
    right_task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), default=None)
    left_sample_id: Mapped[int | None] = mapped_column(ForeignKey("sample.id"), default=None)
    right_sample_id: Mapped[int | None] = mapped_column(ForeignKey("sample.id"), default=None)
    text: Mapped[str] = mapped_column(default="", server_default="")
    expected: Mapped[str | None] = mapped_column(String(200), default=None)


class Rater(Base):
    """Who rates: a pseudonym and a personal code. `assigned_item_id` is the item on the rater's screen.

    An excluded rater's answers stay and are left out of every statistic. `panel_id` is the panel's id of a person,
    exported only on request; `facts` says which model, persona and temperature an LLM rater is, or a panel's other ids.
    """

    __tablename__ = "rater"
    __table_args__ = (
        UniqueConstraint("campaign_id", "pseudonym"),
        Index("ux_rater_panel", "campaign_id", "panel_id", unique=True),
    )
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    pseudonym: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(64), unique=True)
    consented_at: Mapped[float | None] = mapped_column(default=None)
    assigned_item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"), default=None)
    assigned_at: Mapped[float | None] = mapped_column(default=None)
    is_swapped: Mapped[bool] = mapped_column(default=False, server_default=false())
    state: Mapped[str] = mapped_column(String(20), default=RaterState.RATING, server_default=RaterState.RATING)
    check_tries: Mapped[int] = mapped_column(default=0, server_default="0")
    finished_at: Mapped[float | None] = mapped_column(default=None)
    warned_because: Mapped[str] = mapped_column(default="", server_default="")
    excluded_at: Mapped[float | None] = mapped_column(default=None)
    excluded_because: Mapped[str] = mapped_column(default="", server_default="")
    panel_id: Mapped[str | None] = mapped_column(String(200), default=None)
    facts: Mapped[dict[str, Any]] = mapped_column(default_factory=dict, server_default="{}")


class Rating(Base):
    """One answer about a sample. `label` is kept as the rater gave it, also when no label of the task has that name.

    In a campaign of kind `scale` the label is a number from 1 to 5. `place` is its place in the rater's order, from 1.
    """

    __tablename__ = "rating"
    __table_args__ = (UniqueConstraint("item_id", "rater_id", "label"),)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    rater_id: Mapped[int] = mapped_column(ForeignKey("rater.id"), index=True)
    label: Mapped[str] = mapped_column(String(200))
    duration_ms: Mapped[int | None] = mapped_column(default=None)
    place: Mapped[int | None] = mapped_column(default=None)


class Comparison(Base):
    """One answer about two tasks or two samples, left and right as they were shown; neither in a check.

    `winner` is `left`, `right` or `tie`; the winner is the more subjective one.
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
    """What an LLM rater sent back about one item, stored before it is read. `unclear` says why no answer was found in it."""

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
