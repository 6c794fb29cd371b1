"""The tables of the database as SQLAlchemy classes."""

# Imported together, since foreign keys in `sessions` refer to tables in `study`.
from core.study.rows import sessions, study

__all__ = ["sessions", "study"]
