"""Add the possible cost of trial calls without an answer, and the call parameters that models refused"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'


def upgrade() -> None:
    op.add_column('arm', sa.Column('tries_lost_usd', sa.Float(precision=53), server_default='0', nullable=False))
    op.add_column('arm', sa.Column('not_taken', sa.JSON(), server_default='{}', nullable=False))


def downgrade() -> None:
    op.drop_column('arm', 'not_taken')
    op.drop_column('arm', 'tries_lost_usd')
