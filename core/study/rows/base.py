"""The base class of all stored rows, and how types of Python are kept in columns."""

import struct
import time
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Dialect, Enum, Float, LargeBinary, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column
from sqlalchemy.types import TypeDecorator

# The mark of a column that points at a row of which its own row is no part: such a column is emptied where the row goes.
POINTER = {"pointer": True}
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def named(kind: type[StrEnum], *, length: int = 20) -> Enum:
    """The type of a column that stores the values of an enum as text of at most `length` characters, and reads members.

    Reading a stored text that is no value of the enum raises `LookupError`.
    """
    return Enum(kind, native_enum=False, length=length, values_callable=_values)


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


class Shares(TypeDecorator[list[float]]):
    """A column of a list of shares, in [0, 1], kept as little-endian numbers of four bytes each, so with seven digits."""

    impl = LargeBinary
    cache_ok = True

    @property
    def python_type(self) -> type[Any]:
        """The type of the column's values in Python: a list."""
        return list

    def process_bind_param(self, value: list[float] | None, _dialect: Dialect) -> bytes | None:
        return None if value is None else struct.pack(f"<{len(value)}f", *value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> list[float] | None:
        return None if value is None else list(struct.unpack(f"<{len(value) // 4}f", value))


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """What every row has: `id`, and `created_at` in seconds since 1970 (UTC).

    Constraints are named by the fixed rules of `NAMES`, so that migrations can refer to them.
    """

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {
        dict[str, Any]: JSON, list[Any]: JSON, str: Text, float: Float(53), StrEnum: named(StrEnum),
    }  # fmt: skip

    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    created_at: Mapped[float] = mapped_column(default_factory=time.time)
