"""The manifest of an exported study: version, schema, and the number of rows and digest of each file."""

import re
from importlib import metadata
from pathlib import Path
from typing import Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from core import files as whole_files
from core.errors import StudyError
from core.study import migrate
from core.study.archive.layout import ROOT, Format, files

NAME, README, CROISSANT = "manifest.json", "README.md", "croissant.json"
BESIDE = (NAME, README, CROISSANT)  # files without rows
VERSION = 1
LARGEST = 4 << 20  # bytes of a manifest
PLAIN_NAME = re.compile(r"[a-z_]{1,80}\.(csv|jsonl|parquet)")
PACKAGES = ("torch", "transformers", "SQLAlchemy", "pandas")


class FileEntry(BaseModel):
    """A file of the export: its table, its columns in order, its number of rows, and its SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    columns: list[str]
    rows: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What an exported study says of itself. `made` is the time of the export in UTC; `left_out` counts rows by reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["litmus-study"] = "litmus-study"
    version: int
    schema_revision: str
    study: str
    made: str
    format: Format
    escaped_for_spreadsheets: bool
    panel_ids: bool
    packages: dict[str, str]
    files: dict[str, FileEntry]
    left_out: dict[str, int]

    @property
    def rows(self) -> dict[str, int]:
        """The number of rows of each table."""
        return {entry.table: entry.rows for entry in self.files.values()}


def read(folder: Path) -> Manifest:
    """The manifest of a folder, checked with all its files.

    Raises `StudyError` if the manifest is missing or invalid, another version of Litmus made the files, or a file is missing,
    is not in the folder, or was changed.
    """
    path = folder / NAME
    if not path.is_file() or path.is_symlink():
        raise StudyError(
            f"The folder {folder.name} holds no {NAME}, so it is no exported study. Choose the folder that `export` made."
        )
    if path.stat().st_size > LARGEST:
        raise StudyError(f"{NAME} is larger than any manifest is. Export the study again.")
    try:
        found = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (pydantic.ValidationError, UnicodeDecodeError) as error:
        raise StudyError(f"{NAME} is damaged: {_first(error)}. Export the study again.") from error
    _check_version(found)
    _check_files(folder, found)
    return found


def versions() -> dict[str, str]:
    """The versions of Litmus and of the packages that its numbers depend on; a package that is not installed is left out."""
    found = {}
    for name in ("litmus", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _check_version(found: Manifest) -> None:
    if found.version != VERSION:
        raise StudyError(
            f"The study was exported in version {found.version} of the format; this version of Litmus reads version {VERSION}. "
            "Use the version of Litmus that made it."
        )
    if found.schema_revision not in migrate.known():
        raise StudyError(
            f"The study comes from a database at revision {found.schema_revision[:40]!r}, which this version of Litmus does not know. "
            "Use the newer version of Litmus that made it."
        )


def _check_files(folder: Path, found: Manifest) -> None:
    known = {file.table.name: file for file in files()}
    tables = [entry.table for entry in found.files.values()]
    for name, entry in found.files.items():
        if (
            not PLAIN_NAME.fullmatch(name)
            or entry.table not in known
            or name != f"{known[entry.table].stem}.{found.format}"
        ):
            raise StudyError(f"{NAME} names a file that no study has, {name[:80]!r}. Export the study again.")
        if unknown := sorted(set(entry.columns) - {column.name for column in known[entry.table].written}):
            raise StudyError(f"{name} has a column that this version of Litmus does not know, {unknown[0][:80]!r}.")
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise StudyError(f"The file {name} is missing. Copy the whole folder again.")
        if whole_files.digest(path) != entry.sha256:
            raise StudyError(
                f"The file {name} was changed or damaged after the export: its SHA-256 differs. Copy it again."
            )
    is_older = found.schema_revision != migrate.newest()  # tables may have come since
    lacking = {ROOT} - set(tables) if is_older else known.keys() - set(tables)
    if lacking or len(set(tables)) < len(tables):
        raise StudyError(f"{NAME} does not name every file of a study once. Export the study again.")


def _first(error: Exception) -> str:
    """The first problem of a manifest in a few words."""
    if isinstance(error, pydantic.ValidationError):
        details = error.errors()[0]
        place = ".".join(map(str, details["loc"])) or "the file"
        return f"{place}: {details['msg']}"[:160]
    return "it is not UTF-8"
