"""What calls of LLM raters without a reply may have cost moves from the facts of a rater to the campaign"""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'

FACT = 'unaccounted_usd'
CAMPAIGN = sa.table('campaign', sa.column('id', sa.Integer), sa.column('rating_lost_usd', sa.Float))
RATER = sa.table(
    'rater', sa.column('id', sa.Integer), sa.column('campaign_id', sa.Integer), sa.column('kind', sa.String),
    sa.column('facts', sa.JSON),
)  # fmt: skip


def upgrade() -> None:
    op.add_column('campaign', sa.Column('rating_lost_usd', sa.Float(precision=53), server_default='0', nullable=False))
    connection = op.get_bind()
    lost: dict[int, float] = defaultdict(float)
    for rater in connection.execute(_llm_raters()).all():
        if FACT in rater.facts:
            lost[rater.campaign_id] += float(rater.facts[FACT])
            _write_facts(rater.id, {name: value for name, value in rater.facts.items() if name != FACT})
    for campaign_id, usd in lost.items():
        connection.execute(sa.update(CAMPAIGN).where(CAMPAIGN.c.id == campaign_id).values(rating_lost_usd=usd))


def downgrade() -> None:
    connection = op.get_bind()
    lost = dict(connection.execute(sa.select(CAMPAIGN).where(CAMPAIGN.c.rating_lost_usd != 0)).all())
    for rater in connection.execute(_llm_raters()).all():
        if usd := lost.pop(rater.campaign_id, None):  # the first LLM rater of the campaign keeps the sum
            _write_facts(rater.id, {**rater.facts, FACT: usd})
    op.drop_column('campaign', 'rating_lost_usd')


def _llm_raters() -> sa.Select:
    return sa.select(RATER).where(RATER.c.kind == 'llm').order_by(RATER.c.id)


def _write_facts(rater_id: int, facts: dict) -> None:
    op.get_bind().execute(sa.update(RATER).where(RATER.c.id == rater_id).values(facts=facts))
