"""Add the weight of a sample, as its imported file gives it"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'


def upgrade() -> None:
    op.add_column('sample', sa.Column('weight', sa.Float(precision=53), nullable=True))


def downgrade() -> None:
    op.drop_column('sample', 'weight')
