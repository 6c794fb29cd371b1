"""Add probabilities of all labels, completions of test texts by LLMs, moved near-duplicates, and frozen plans"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'


def _columns(*own: sa.Column) -> tuple[sa.Column, ...]:
    return (
        *own,
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.Float(precision=53), nullable=False),
    )


def upgrade() -> None:
    op.add_column('prediction', sa.Column('probabilities', sa.LargeBinary(), nullable=True))
    op.add_column('task', sa.Column('contamination_lost', sa.JSON(), server_default='{}', nullable=False))
    op.create_table(
        'continuation',
        *_columns(
            sa.Column('sample_id', sa.Integer(), nullable=False),
            sa.Column('model', sa.String(length=200), nullable=False),
            sa.Column('wording', sa.String(length=20), nullable=False),
            sa.Column('request', sa.JSON(), nullable=False),
            sa.Column('content', sa.Text(), nullable=False),
            sa.Column('finish_reason', sa.String(length=50), nullable=False),
            sa.Column('tokens_in', sa.Integer(), nullable=False),
            sa.Column('tokens_out', sa.Integer(), nullable=False),
            sa.Column('cost_usd', sa.Float(precision=53), nullable=True),
            sa.Column('latency_s', sa.Float(precision=53), nullable=False),
        ),
        sa.ForeignKeyConstraint(['sample_id'], ['sample.id'], name=op.f('fk_continuation_sample_id_sample')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_continuation')),
        sa.UniqueConstraint(
            'sample_id', 'model', 'wording', name=op.f('uq_continuation_sample_id_model_wording')
        ),
    )
    op.create_table(
        'regrouping',
        *_columns(
            sa.Column('task_id', sa.Integer(), nullable=False),
            sa.Column('side', sa.String(length=20), nullable=False),
            sa.Column('threshold', sa.Float(precision=53), nullable=False),
            sa.Column('moved', sa.JSON(), nullable=False),
            sa.Column('undone_at', sa.Float(precision=53), nullable=True),
        ),
        sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_regrouping_task_id_task')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_regrouping')),
    )
    op.create_index(op.f('ix_regrouping_task_id'), 'regrouping', ['task_id'])
    op.create_table(
        'frozen_plan',
        *_columns(
            sa.Column('study_id', sa.Integer(), nullable=False),
            sa.Column('version', sa.Integer(), nullable=False),
            sa.Column('content', sa.JSON(), nullable=False),
            sa.Column('sha256', sa.String(length=64), nullable=False),
        ),
        sa.ForeignKeyConstraint(['study_id'], ['study.id'], name=op.f('fk_frozen_plan_study_id_study')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_frozen_plan')),
        sa.UniqueConstraint('study_id', 'version', name=op.f('uq_frozen_plan_study_id_version')),
    )


def downgrade() -> None:
    op.drop_table('frozen_plan')
    op.drop_table('regrouping')
    op.drop_table('continuation')
    op.drop_column('task', 'contamination_lost')
    op.drop_column('prediction', 'probabilities')
