"""Add settings of campaigns, checks, states of raters, pairs of samples, skips, and replies of LLM raters"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'


# Columns are added in place: SQLite would drop a table that it copies while rows of other tables refer to the table. No
# table refers to comparison, so comparison may be copied.
def _added() -> dict[str, list[sa.Column]]:
    return {
        'campaign': [sa.Column('settings', sa.JSON(), server_default='{}', nullable=False)],
        'item': [
            sa.Column('role', sa.String(length=20), server_default='item', nullable=False),
            sa.Column('text', sa.Text(), server_default='', nullable=False),
            sa.Column('expected', sa.String(length=200), nullable=True),
            sa.Column('left_sample_id', sa.Integer(), sa.ForeignKey('sample.id', name='fk_item_left_sample_id_sample'), nullable=True),
            sa.Column('right_sample_id', sa.Integer(), sa.ForeignKey('sample.id', name='fk_item_right_sample_id_sample'), nullable=True),
        ],
        'rater': [
            sa.Column('is_swapped', sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column('state', sa.String(length=20), server_default='rating', nullable=False),
            sa.Column('check_tries', sa.Integer(), server_default='0', nullable=False),
            sa.Column('finished_at', sa.Float(precision=53), nullable=True),
            sa.Column('warned_because', sa.Text(), server_default='', nullable=False),
            sa.Column('excluded_at', sa.Float(precision=53), nullable=True),
            sa.Column('excluded_because', sa.Text(), server_default='', nullable=False),
            sa.Column('panel_id', sa.String(length=200), nullable=True),
            sa.Column('facts', sa.JSON(), server_default='{}', nullable=False),
        ],
        'rating': [sa.Column('place', sa.Integer(), nullable=True)],
    }


def upgrade() -> None:
    op.create_table('reply',
    sa.Column('item_id', sa.Integer(), nullable=False),
    sa.Column('rater_id', sa.Integer(), nullable=False),
    sa.Column('request', sa.JSON(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('finish_reason', sa.String(length=50), nullable=False),
    sa.Column('tokens_in', sa.Integer(), nullable=False),
    sa.Column('tokens_out', sa.Integer(), nullable=False),
    sa.Column('cost_usd', sa.Float(precision=53), nullable=True),
    sa.Column('latency_s', sa.Float(precision=53), nullable=False),
    sa.Column('unclear', sa.String(length=100), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['item_id'], ['item.id'], name=op.f('fk_reply_item_id_item')),
    sa.ForeignKeyConstraint(['rater_id'], ['rater.id'], name=op.f('fk_reply_rater_id_rater')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reply')),
    sa.UniqueConstraint('item_id', 'rater_id', name=op.f('uq_reply_item_id_rater_id'))
    )
    op.create_index('ix_reply_rater_id', 'reply', ['rater_id'], unique=False)
    op.create_table('skip',
    sa.Column('item_id', sa.Integer(), nullable=False),
    sa.Column('rater_id', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('duration_ms', sa.Integer(), nullable=True),
    sa.Column('place', sa.Integer(), nullable=True),
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.Float(precision=53), nullable=False),
    sa.ForeignKeyConstraint(['item_id'], ['item.id'], name=op.f('fk_skip_item_id_item')),
    sa.ForeignKeyConstraint(['rater_id'], ['rater.id'], name=op.f('fk_skip_rater_id_rater')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_skip')),
    sa.UniqueConstraint('item_id', 'rater_id', name=op.f('uq_skip_item_id_rater_id'))
    )
    op.create_index('ix_skip_rater_id', 'skip', ['rater_id'], unique=False)
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column, inline_references=bool(column.foreign_keys))
    op.create_index('ux_rater_panel', 'rater', ['campaign_id', 'panel_id'], unique=True)
    with op.batch_alter_table('comparison') as batch:
        for column in ('left_task_id', 'right_task_id'):
            batch.alter_column(column, existing_type=sa.INTEGER(), nullable=True)
        for column in ('left_sample_id', 'right_sample_id', 'place'):
            batch.add_column(sa.Column(column, sa.Integer(), nullable=True))
        for column in ('left_sample_id', 'right_sample_id'):
            batch.create_foreign_key(f'fk_comparison_{column}_sample', 'sample', [column], ['id'])


def downgrade() -> None:
    op.execute('DELETE FROM comparison WHERE left_task_id IS NULL OR right_task_id IS NULL')
    with op.batch_alter_table('comparison') as batch:
        for column in ('left_sample_id', 'right_sample_id'):
            batch.drop_constraint(f'fk_comparison_{column}_sample', type_='foreignkey')
        for column in ('place', 'left_sample_id', 'right_sample_id'):
            batch.drop_column(column)
        for column in ('left_task_id', 'right_task_id'):
            batch.alter_column(column, existing_type=sa.INTEGER(), nullable=False)
    op.drop_index('ux_rater_panel', table_name='rater')
    for table, columns in _added().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
    for table in ('skip', 'reply'):
        op.drop_table(table)
