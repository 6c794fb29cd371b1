"""What every stored row has: an id, and when it was made. Names of constraints are fixed, so that migrations find them."""

import time
from typing import Any

from sqlalchemy import JSON, Float, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, str: Text, float: Float(53)}

    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    created_at: Mapped[float] = mapped_column(default_factory=time.time)
