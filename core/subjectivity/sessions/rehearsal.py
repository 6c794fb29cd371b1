"""Copy a campaign without its raters into a store in memory, to try the session without storing answers."""

from collections.abc import Sequence

import sqlalchemy
from sqlalchemy import ColumnElement, Table, insert, select, update
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool

from core.study import tasks
from core.study.chunks import chunks
from core.study.rows.base import Base
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign, Item
from core.study.rows.study import Arm, Label, Sample, Study, Task
from core.study.store import Store
from core.subjectivity.sessions import screens


def of(session: Session, campaign: Campaign) -> Store:
    """Create a store in memory with the campaign, opened, and everything that its items show."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine)
    known = _tasks(session, campaign)
    wanted: list[tuple[type[Base], ColumnElement[bool]]] = [
        (Study, Study.id == campaign.study_id),
        (Task, Task.id.in_(known)),
        (Label, Label.task_id.in_(known)),
        (Arm, Arm.task_id.in_(known)),
        (Campaign, Campaign.id == campaign.id),
        (Item, Item.campaign_id == campaign.id),
    ]
    shown = _shown(session, campaign)
    wanted += [(Sample, Sample.id.in_(chunk)) for chunk in chunks(shown)]
    with engine.begin() as copy:
        for kind, condition in wanted:
            rows = session.execute(select(_table(kind)).where(condition)).mappings().all()
            if rows:
                copy.execute(insert(_table(kind)), [dict(row) for row in rows])
        copy.execute(update(_table(Campaign)).values(is_open=True))
    maker = sessionmaker(engine, expire_on_commit=False)
    return Store(reader=maker, writer=maker)


def _tasks(session: Session, campaign: Campaign) -> list[int]:
    """The ids of the tasks of a campaign's study, and of those that its items name: one may be in the trash meanwhile."""
    rows = session.execute(select(Item.left_task_id, Item.right_task_id).where(Item.campaign_id == campaign.id))
    named = {task_id for row in rows for task_id in row if task_id is not None}
    return sorted(named | {task.id for task in tasks.tasks(session, campaign.study_id)})


def _shown(session: Session, campaign: Campaign) -> Sequence[int]:
    """The ids of the samples that a campaign's items and the descriptions of its tasks show."""
    columns = (Item.sample_id, Item.left_sample_id, Item.right_sample_id)
    rows = session.execute(select(*columns).where(Item.campaign_id == campaign.id))
    found = {sample_id for row in rows for sample_id in row if sample_id is not None}
    if campaign.kind == CampaignKind.COMPARE:
        labels = [label for task_id in _tasks(session, campaign) for label in tasks.labels_of(session, task_id)]
        found |= {sample.id for label in labels for sample in screens.examples(session, label)}
    return sorted(found)


def _table(kind: type[Base]) -> Table:
    return Base.metadata.tables[kind.__tablename__]
