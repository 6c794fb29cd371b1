"""Unsaved words of a browser on disk: capped, pruned, and never read from a damaged file."""

import os
from pathlib import Path

from ui.unsaved import files
from ui.unsaved.files import Typed

NOW = 1_000_000_000.0
DAY = 86_400.0


def test_a_value_is_read_back_by_its_browser_and_by_no_other_browser(tmp_path: Path) -> None:
    files.write(tmp_path, "one", {"prompts.context": Typed("Write.", "", NOW)}, now=NOW)

    assert files.read(tmp_path, "one", now=NOW) == {"prompts.context": Typed("Write.", "", NOW)}
    assert files.read(tmp_path, "another", now=NOW) == {}


def test_a_value_is_gone_after_it_was_removed_and_the_file_with_the_last_value(tmp_path: Path) -> None:
    files.write(tmp_path, "one", {"name": Typed("first", "", NOW)}, now=NOW)

    files.write(tmp_path, "one", {"name": None}, now=NOW)

    assert files.read(tmp_path, "one", now=NOW) == {}
    assert list((tmp_path / files.FOLDER).iterdir()) == []


def test_values_older_than_two_weeks_and_over_the_cap_are_left_out(tmp_path: Path) -> None:
    typed: dict[str, Typed | None] = {f"field {n}": Typed("x", "", NOW + n) for n in range(files.MOST_FIELDS + 5)}
    typed["long"] = Typed("x" * (files.MOST_CHARACTERS + 1), "", NOW)
    files.write(tmp_path, "one", typed, now=NOW)

    kept = files.read(tmp_path, "one", now=NOW)

    assert len(kept) == files.MOST_FIELDS
    assert "field 4" not in kept and "field 5" in kept and "long" not in kept
    assert files.read(tmp_path, "one", now=NOW + 15 * DAY) == {}


def test_a_damaged_file_counts_as_empty_and_is_written_anew(tmp_path: Path) -> None:
    files.write(tmp_path, "one", {"name": Typed("first", "", NOW)}, now=NOW)
    (path,) = (tmp_path / files.FOLDER).iterdir()
    for content in ("{", '["name"]', '{"name": 3}'):
        path.write_text(content)
        assert files.read(tmp_path, "one", now=NOW) == {}

    files.write(tmp_path, "one", {"name": Typed("second", "", NOW)}, now=NOW)

    assert files.read(tmp_path, "one", now=NOW)["name"].value == "second"


def test_files_of_browsers_that_typed_nothing_for_two_weeks_are_deleted(tmp_path: Path) -> None:
    for browser, age in {"old": 15 * DAY, "new": DAY}.items():
        files.write(tmp_path, browser, {"name": Typed(browser, "", NOW)}, now=NOW)
        (latest,) = [path for path in (tmp_path / files.FOLDER).iterdir() if browser in path.read_text()]
        os.utime(latest, (NOW - age, NOW - age))

    files.prune(tmp_path, now=NOW)

    assert files.read(tmp_path, "old", now=NOW) == {}
    assert files.read(tmp_path, "new", now=NOW)["name"].value == "new"
