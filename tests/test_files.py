"""Files appear whole or not at all, from however many processes they are written."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import files


def test_a_file_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "made" / "here.json"

    files.replace(path, b"old")
    files.replace(path, b"new")

    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["here.json"]


def test_the_first_of_several_writers_decides_and_all_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def made(number: int) -> bytes:
        files.create(path, b"%d " % number * 1000)
        return path.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(made, range(40)))

    assert len(found) == 1 and len(found.pop().split()) == 1000
    assert [file.name for file in tmp_path.iterdir()] == ["key"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError):
        files.replace(tmp_path / "folder", b"text")

    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
