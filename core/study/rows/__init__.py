"""The tables of the database as SQLAlchemy classes."""

# Both modules are imported whenever one is, since foreign keys of one refer to tables of the other.
from core.study.rows import sessions, study

__all__ = ["sessions", "study"]
