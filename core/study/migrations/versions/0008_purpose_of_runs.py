"""Add what a run was trained for, and the number of real texts in a mix"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'


def upgrade() -> None:
    op.add_column('run', sa.Column('purpose', sa.String(length=20), server_default='comparison', nullable=False))
    op.add_column('run', sa.Column('n_real', sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column('run', 'n_real')
    op.drop_column('run', 'purpose')
