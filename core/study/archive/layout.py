"""The files of an exported study: a file for each table that belongs to a study, its columns, and how rows refer to rows.

Tables and columns are read from the classes of the rows, so that a new table or column is exported without a change here.
In the files, the rows of a table are numbered from 1 in their order, and a reference is the number of a row.
"""

import functools
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import sqlalchemy
from sqlalchemy.orm import Mapped

from core.study.rows import baselines, sessions, study  # noqa: F401  (a table is known only if its module is loaded)
from core.study.rows.base import POINTER, Base

Kind = Literal["integer", "number", "boolean", "text", "object", "list"]
Format = Literal["csv", "jsonl", "parquet"]

ROOT = "study"
# Tables that are never exported: work under way on one machine, which another machine must neither repeat nor collect.
MACHINERY = ("job", "batch")
# Columns that let someone in; they are made anew when a study is imported.
KEYS = {("campaign", "token"), ("rater", "code")}
# Columns with lists of row ids -> the table of these rows.
ID_LISTS = {("completion", "example_ids"): "sample", ("completion", "source_ids"): "sample"}


@dataclass(frozen=True)
class Column:
    """A column of a file.

    `refers_to`: the table whose rows the column refers to, None for a column of values. `is_pointer`: whether the row is
    whole without the row that the column refers to. `ids_of`: the same as `refers_to` for a column with lists of rows.
    `longest`: the largest number of characters, None without a limit. `choices`: the values that an enum allows, () without
    a limit. `may_be_missing`: whether the database fills in a value for files of an earlier version.
    """

    name: str
    kind: Kind
    is_nullable: bool
    refers_to: str | None
    ids_of: str | None
    longest: int | None
    choices: tuple[str, ...]
    may_be_missing: bool
    is_pointer: bool = False


# Tables with texts that a model may have written -> each row says whether a model wrote its text.
MARKED = ("sample", "completion")
SYNTHETIC = Column("synthetic", "boolean", False, None, None, None, (), may_be_missing=True)


@dataclass(frozen=True)
class File:
    """The file of a table. `owner`: the column through which a row belongs to a study, None for the study itself.

    `marks`: columns that the file has beside those of the table, for readers of the file; an import leaves them out.
    """

    table: sqlalchemy.Table
    columns: tuple[Column, ...]
    owner: Column | None
    marks: tuple[Column, ...] = ()

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns of the file in their order: those of the table, then the marks that only the file has."""
        return (*self.columns, *self.marks)

    @property
    def stem(self) -> str:
        """The name of the file without its ending: the name of the table in the plural."""
        name = self.table.name
        ending = "ies" if name.endswith("y") else "es" if name.endswith(("ch", "s", "x")) else "s"
        return (name[:-1] if name.endswith("y") else name) + ending

    @property
    def references(self) -> tuple[Column, ...]:
        """The columns that refer to a row of another file."""
        return tuple(column for column in self.columns if column.refers_to)

    @property
    def subjects(self) -> tuple[Column, ...]:
        """The columns that refer to a row without which their own row is not whole."""
        return tuple(column for column in self.references if not column.is_pointer)


@functools.cache
def files() -> tuple[File, ...]:
    """The files of a study, each after the files that it refers to."""
    classes = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
    found: dict[str, File] = {}
    for table in Base.metadata.sorted_tables:
        if table.name in MACHINERY:
            continue
        hints = typing.get_type_hints(classes[table.name])
        columns = tuple(
            _column(table, column, hints[column.name])
            for column in table.columns
            if (table.name, column.name) not in KEYS
        )
        columns = tuple(
            sorted(
                (column for column in columns if column.refers_to not in MACHINERY),
                key=lambda column: (column.name != "id", column.name == "created_at"),
            )
        )
        owners = [column for column in columns if column.refers_to in found]
        owner = next((column for column in owners if not column.is_nullable), next(iter(owners), None))
        if table.name == ROOT or owner is not None:
            found[table.name] = File(table, columns, owner, (SYNTHETIC,) if table.name in MARKED else ())
    return tuple(found.values())


def belongs(file: File, study_id: int) -> "sqlalchemy.ColumnElement[bool]":
    """The condition on the rows of a file that belong to a study."""
    if file.owner is None:
        return file.table.c.id == study_id
    parent = next(other for other in files() if other.table.name == file.owner.refers_to)
    return file.table.c[file.owner.name].in_(sqlalchemy.select(parent.table.c.id).where(belongs(parent, study_id)))


def _column(table: sqlalchemy.Table, column: "sqlalchemy.Column[Any]", hint: Any) -> Column:
    keys = [key.column.table.name for key in column.foreign_keys]
    has_default = column.server_default is not None or column.default is not None
    return Column(
        name=column.name,
        kind=_kind(column, hint),
        is_nullable=bool(column.nullable),
        refers_to=keys[0] if keys else None,
        ids_of=ID_LISTS.get((table.name, column.name)),
        longest=getattr(column.type, "length", None),
        choices=tuple(column.type.enums) if isinstance(column.type, sqlalchemy.Enum) else (),
        may_be_missing=bool(column.nullable) or has_default,
        is_pointer=column.info == POINTER,
    )


def _kind(column: "sqlalchemy.Column[Any]", hint: Any) -> Kind:
    """The kind of a column's values; of a JSON column by the annotation of its class."""
    if isinstance(column.type, sqlalchemy.JSON):
        inner = get_args(hint)[0] if get_origin(hint) is Mapped else hint
        if isinstance(inner, types.UnionType):
            inner = next(part for part in get_args(inner) if part is not types.NoneType)
        return "list" if get_origin(inner) is list else "object"
    kinds: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", list: "list"}
    return kinds.get(column.type.python_type, "text")
