"""Add trials, batches, judgements, attributes of prompts, and pauses of jobs"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table('batch',
    sa.Column('arm_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('provider', sa.String(length=50), nullable=False),
    sa.Column('model', sa.String(length=200), nullable=False),
    sa.Column('base_url', sa.Text(), nullable=False),
    sa.Column('requests', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('remote_id', sa.String(length=200), nullable=True),
    sa.Column('remote_state', sa.String(length=50), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('submitted_at', sa.Float(precision=53), nullable=True),
    sa.Column('ended_at', sa.Float(precision=53), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['arm_id'], ['arm.id'], name=op.f('fk_batch_arm_id_arm')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_batch')),
    sa.UniqueConstraint('key', name=op.f('uq_batch_key'))
    )
    with op.batch_alter_table('batch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_batch_arm_id'), ['arm_id'], unique=False)

    op.create_table('trial',
    sa.Column('arm_id', sa.Integer(), nullable=False),
    sa.Column('label_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('draft', sa.JSON(), nullable=False),
    sa.Column('draft_hash', sa.String(length=32), nullable=False),
    sa.Column('provider', sa.String(length=50), nullable=False),
    sa.Column('model', sa.String(length=200), nullable=False),
    sa.Column('request', sa.JSON(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('finish_reason', sa.String(length=50), nullable=False),
    sa.Column('tokens_in', sa.Integer(), nullable=False),
    sa.Column('tokens_out', sa.Integer(), nullable=False),
    sa.Column('cost_usd', sa.Float(precision=53), nullable=True),
    sa.Column('latency_s', sa.Float(precision=53), nullable=False),
    sa.Column('request_id', sa.String(length=200), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['arm_id'], ['arm.id'], name=op.f('fk_trial_arm_id_arm')),
    sa.ForeignKeyConstraint(['label_id'], ['label.id'], name=op.f('fk_trial_label_id_label')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trial'))
    )
    with op.batch_alter_table('trial', schema=None) as batch_op:
        batch_op.create_index('ix_trial_draft', ['arm_id', 'draft_hash'], unique=False)

    op.create_table('judgement',
    sa.Column('sample_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('judge', sa.String(length=200), nullable=False),
    sa.Column('label_id', sa.Integer(), nullable=True),
    sa.Column('request', sa.JSON(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('tokens_in', sa.Integer(), nullable=False),
    sa.Column('tokens_out', sa.Integer(), nullable=False),
    sa.Column('cost_usd', sa.Float(precision=53), nullable=True),
    sa.Column('latency_s', sa.Float(precision=53), nullable=False),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['label_id'], ['label.id'], name=op.f('fk_judgement_label_id_label')),
    sa.ForeignKeyConstraint(['sample_id'], ['sample.id'], name=op.f('fk_judgement_sample_id_sample')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_judgement')),
    sa.UniqueConstraint('sample_id', 'kind', 'judge', name=op.f('uq_judgement_sample_id_kind_judge'))
    )
    op.create_index('ix_judgement_opinion', 'judgement', ['kind', 'sample_id', 'label_id'], unique=False)
    # Columns are added in place: SQLite would drop a table that it copies while rows of other tables refer to the table.
    op.add_column('completion', sa.Column('source_ids', sa.JSON(), server_default='[]', nullable=False))
    op.add_column('completion', sa.Column('attributes', sa.JSON(), server_default='{}', nullable=False))
    op.add_column(
        'completion',
        sa.Column('batch_id', sa.Integer(), sa.ForeignKey('batch.id', name='fk_completion_batch_id_batch'), nullable=True),
        inline_references=True,
    )
    op.create_index('ix_completion_facets', 'completion', ['arm_id', 'model', 'prompt_id'], unique=False)
    op.add_column('arm', sa.Column('unaccounted_usd', sa.Float(precision=53), server_default='0', nullable=False))
    op.add_column('prompt', sa.Column('sources', sa.Integer(), server_default='0', nullable=False))
    op.add_column('prompt', sa.Column('attributes', sa.JSON(), server_default='{}', nullable=False))
    op.add_column('job', sa.Column('pause_requested', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('job', sa.Column('resume_at', sa.Float(precision=53), nullable=True))
    _active_key("state IN ('queued', 'starting', 'running', 'paused')")


def _active_key(states: str) -> None:
    op.drop_index('ux_job_active_key', table_name='job')
    op.create_index(
        'ux_job_active_key', 'job', ['key'], unique=True, sqlite_where=sa.text(states), postgresql_where=sa.text(states)
    )


def downgrade() -> None:
    _active_key("state IN ('queued', 'starting', 'running')")
    op.drop_index('ix_completion_facets', table_name='completion')
    for table, columns in {
        'job': ['resume_at', 'pause_requested'], 'prompt': ['attributes', 'sources'], 'arm': ['unaccounted_usd'],
        'completion': ['batch_id', 'attributes', 'source_ids'],
    }.items():
        for column in columns:
            op.drop_column(table, column)
    for table in ('judgement', 'trial', 'batch'):
        op.drop_table(table)
