"""The files room: where workers keep files for one another, in a folder or at a URL such as s3://BUCKET/FOLDER.

A room is a flat list of files with names. Nodes of a cluster that share no disk name a bucket in LITMUS_FILES, and have the
keys of the bucket in their environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

import os
from pathlib import Path
from typing import Protocol

from pyarrow import fs

from core import files
from core.errors import StudyError

# Gateways other than Amazon's store the checksums that newer clients add as a part of the file.
PLAIN_UPLOADS = {
    "AWS_REQUEST_CHECKSUM_CALCULATION": "WHEN_REQUIRED",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "WHEN_REQUIRED",
}


class Room(Protocol):
    """A place for files. Each method raises `StudyError` if the place cannot be reached or refuses."""

    def put(self, name: str, content: bytes) -> None:
        """Keep a file under a name, in place of any earlier one; a reader meets the old file or the new one, whole."""

    def get(self, name: str) -> bytes | None:
        """The content of a file; None if there is no file of this name."""

    def names(self, prefix: str = "") -> list[str]:
        """The names of the files that begin with `prefix`, sorted."""

    def delete(self, name: str) -> None:
        """Remove a file, if there is one of this name."""


def open_room(place: str) -> Room:
    """The room in a folder, or at a URL if `place` has a scheme: s3://, gs://, abfss://, or any scheme of fsspec.

    Raises `StudyError` if the URL cannot be understood, or needs a package that is not installed.
    """
    if "://" not in place:
        return FolderRoom(Path(place))
    if place.startswith("file://"):
        return FolderRoom(Path(place.removeprefix("file://")))
    return UrlRoom(place)


class FolderRoom:
    """A room in a folder of this machine, or of a disk that the machines share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, content: bytes) -> None:
        try:
            files.replace(self.folder / _checked(name), content)
        except OSError as error:
            raise StudyError(f"The file {name} could not be written to {self.folder}: {error}.") from error

    def get(self, name: str) -> bytes | None:
        try:
            return (self.folder / _checked(name)).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StudyError(f"The file {name} could not be read from {self.folder}: {error}.") from error

    def names(self, prefix: str = "") -> list[str]:
        if not self.folder.is_dir():
            return []
        found = (path.name for path in self.folder.iterdir() if path.is_file() and not path.name.startswith("."))
        return sorted(name for name in found if name.startswith(prefix))

    def delete(self, name: str) -> None:
        try:
            (self.folder / _checked(name)).unlink(missing_ok=True)
        except OSError as error:
            raise StudyError(f"The file {name} could not be removed from {self.folder}: {error}.") from error


class UrlRoom:
    """A room in an object store; the store's own rule that an object appears whole makes `put` atomic."""

    def __init__(self, url: str) -> None:
        self.shown = url.partition("?")[0].rpartition("@")[2]  # without keys
        if url.startswith("s3://") and "endpoint_override" in url:
            for variable, value in PLAIN_UPLOADS.items():
                os.environ.setdefault(variable, value)
        try:
            self.system, self.folder = fs.FileSystem.from_uri(url)
        except (OSError, ValueError, ImportError) as error:
            keys = url.partition("://")[2].rpartition("@")[0]
            reason = str(error).replace(f"{keys}@", "").splitlines()[0]
            raise StudyError(f"LITMUS_FILES names no place that can be opened ({self.shown}): {reason}.") from None

    def put(self, name: str, content: bytes) -> None:
        path = self._path(name)
        try:
            with self.system.open_output_stream(path) as stream:
                stream.write(content)
            size = self.system.get_file_info(path).size
        except OSError as error:
            raise self._failure("write", name, error) from error
        if size != len(content):
            raise StudyError(f"{self.shown} keeps {size} bytes of {name} instead of {len(content)}; use another store.")

    def get(self, name: str) -> bytes | None:
        try:
            with self.system.open_input_stream(self._path(name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure("read", name, error) from error

    def names(self, prefix: str = "") -> list[str]:
        selector = fs.FileSelector(self.folder, allow_not_found=True)
        try:
            found = [info.base_name for info in self.system.get_file_info(selector) if info.is_file]
        except OSError as error:
            raise self._failure("list", "the files", error) from error
        return sorted(name for name in found if name.startswith(prefix))

    def delete(self, name: str) -> None:
        try:
            self.system.delete_file(self._path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._failure("remove", name, error) from error

    def _path(self, name: str) -> str:
        return f"{self.folder}/{_checked(name)}"

    def _failure(self, verb: str, name: str, error: OSError) -> StudyError:
        reason = str(error).splitlines()[0][:300]
        return StudyError(f"Could not {verb} {name} in {self.shown}: {reason}. Check LITMUS_FILES and its keys.")


def _checked(name: str) -> str:
    if not name or "/" in name or "\\" in name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a file in a room")
    return name
