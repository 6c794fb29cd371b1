"""Commands while the database cannot be used: exit code 1, one sentence with the true cause, no traceback, no text of a study."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.command_line import CommandLine, Said


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Path]:
    """A home on a disk of 3 MB; the test is skipped where no disk can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount") or "false"
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("mounting a disk is not allowed here")
    yield folder / "home"
    subprocess.run(["umount", "-l", str(folder)], check=True)


def texts(folder: Path, n: int) -> Path:
    rows = [f"private text number {row} {'and so on ' * 20},{'glad' if row % 2 else 'sad'}" for row in range(n)]
    path = folder / "texts.csv"
    path.write_text("\n".join(["text,label", *rows]))
    return path


def assert_one_sentence(said: Said, words: str) -> None:
    assert said.code == 1, said
    assert words in said.stderr
    assert "Traceback" not in said.stderr + said.stdout
    assert "private text" not in said.stderr + said.stdout
    assert len(said.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_disk_that_fills_during_an_import_is_named_and_nothing_is_half_stored(
    small_home: Path, tmp_path: Path
) -> None:
    call = CommandLine(small_home)
    arguments = ["import", texts(tmp_path, 20_000), "--task", "mood", "--arm", "real"]

    said = call(*arguments)

    assert_one_sentence(said, "The database cannot be used: its disk is full. Free some disk space")
    with closing(sqlite3.connect(small_home / "litmus.db")) as opened:
        assert opened.execute("SELECT count(*) FROM sample").fetchone() == (0,)
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_disk_that_is_full_from_the_start_is_named(small_home: Path) -> None:
    small_home.mkdir()
    with (small_home / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))

    assert_one_sentence(CommandLine(small_home)("jobs"), "disk is full")


def test_a_damaged_database_is_named(call: CommandLine) -> None:
    file = call.home / "litmus.db"
    file.write_bytes(file.read_bytes()[:5000] + b"\xff" * 200_000)

    assert_one_sentence(call("jobs"), "it is damaged. `litmus doctor` says what to do")


def test_a_home_that_can_only_be_read_is_named(small_home: Path) -> None:
    call = CommandLine(small_home)
    assert call("jobs").code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_home.parent)], check=True)

    assert_one_sentence(call("jobs", "cancel", "1"), "it can only be read")


def test_control_characters_in_an_error_do_not_reach_the_terminal(call: CommandLine) -> None:
    said = call("restore", "/no\x1b[2J\x1b]0;title\x07\x9b/file.zip")

    assert said.code == 1
    assert said.stderr.startswith("The backup /no[2J]0;title/file.zip cannot be opened")
