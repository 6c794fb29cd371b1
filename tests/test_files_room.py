"""The files room, in a folder and in a bucket of a real S3 gateway."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import files_room
from core.errors import StudyError
from tests.cluster import s3_gateway
from tests.ports import free_port


@pytest.fixture(params=["folder", pytest.param("bucket", marks=[pytest.mark.cluster, pytest.mark.slow])])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "files")
        return
    for name, value in (s3_gateway.KEYS | s3_gateway.PLAIN).items():
        monkeypatch.setenv(name, value)
    with s3_gateway.serve(free_port()) as url:
        yield url


def test_files_are_kept_listed_and_removed(place: str) -> None:
    room = files_room.open_room(place)

    assert (room.names(), room.get("log")) == ([], None)
    room.put("run-1.safetensors", b"x" * 100)
    room.put("run-1.safetensors", b"y" * 12_000_000)
    room.put("log", b"")

    assert room.get("run-1.safetensors") == b"y" * 12_000_000
    assert (room.names(), room.names("run")) == (["log", "run-1.safetensors"], ["run-1.safetensors"])
    room.delete("log")
    room.delete("log")
    assert (room.get("log"), room.names()) == (None, ["run-1.safetensors"])


def test_a_place_that_cannot_be_opened_is_refused_with_a_sentence_without_keys() -> None:
    with pytest.raises(StudyError, match="LITMUS_FILES names no place") as refused:
        files_room.open_room("nowhere://user:secret@place/folder")

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "../other", "a/b", ".hidden"])
def test_names_stay_inside_the_room(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no name of a file"):
        files_room.open_room(str(tmp_path)).put(name, b"")
