"""Add the answers of baselines: plain classifiers fitted on the texts of an arm"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'


def upgrade() -> None:
    op.create_table(
        'baseline',
        sa.Column('arm_id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=50), nullable=False),
        sa.Column('split', sa.String(length=20), nullable=False),
        sa.Column('seed', sa.Integer(), nullable=False),
        sa.Column('n_train', sa.Integer(), nullable=False),
        sa.Column('config', sa.JSON(), nullable=False),
        sa.Column('train_digest', sa.String(length=64), nullable=False),
        sa.Column('test_digest', sa.String(length=64), nullable=False),
        sa.Column('fingerprint', sa.String(length=64), nullable=False),
        sa.Column('answers', sa.JSON(), nullable=False),
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(['arm_id'], ['arm.id'], name=op.f('fk_baseline_arm_id_arm')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_baseline')),
        sa.UniqueConstraint('arm_id', 'name', 'seed', 'fingerprint', name=op.f('uq_baseline_arm_id_name_seed_fingerprint')),
    )


def downgrade() -> None:
    op.drop_table('baseline')
