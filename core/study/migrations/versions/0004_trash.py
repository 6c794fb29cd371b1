"""Add the trash of studies, tasks and imports, and the possible cost of judge calls without an answer"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'


def _added() -> dict[str, list[sa.Column]]:
    return {
        'study': [
            sa.Column('trashed_at', sa.Float(precision=53), nullable=True),
            sa.Column('is_trash', sa.Boolean(), server_default=sa.false(), nullable=False),
        ],
        'task': [
            sa.Column('trashed_at', sa.Float(precision=53), nullable=True),
            sa.Column('trashed_from', sa.Integer(), nullable=True),
            sa.Column('judging_lost', sa.JSON(), server_default='{}', nullable=False),
        ],
        'import': [sa.Column('undone_at', sa.Float(precision=53), nullable=True)],
    }


def upgrade() -> None:
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    for table, columns in _added().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
