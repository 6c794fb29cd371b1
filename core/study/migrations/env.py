"""Run the migrations on the connection that `core.study.migrate` passes in; called by Alembic."""

from alembic import context

from core.study.rows import baselines, sessions, study  # noqa: F401  (the metadata holds the tables of imported modules)
from core.study.rows.base import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
