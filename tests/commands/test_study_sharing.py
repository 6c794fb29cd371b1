"""The commands export, import of a whole study, and report, as they are called."""

import json
from pathlib import Path

import pytest

from core.study.store import Store
from tests.command_line import CommandLine
from tests.study.archive import whole_study


def test_a_study_is_exported_and_imported_into_an_empty_home(call: CommandLine, store: Store, tmp_path: Path) -> None:
    with store.write() as session:
        whole_study.fill(session)

    said = call("export", tmp_path / "files", "--study", "whole", "--format", "csv", "--json")
    zipped = call("export", tmp_path / "whole.zip", "--study", "whole", "--json")
    fresh = CommandLine(tmp_path / "fresh")
    back = fresh("import", tmp_path / "whole.zip", "--json")
    taken = fresh("import", tmp_path / "files")
    renamed = fresh("import", tmp_path / "files", "--study", "second", "--json")
    again = fresh("export", tmp_path / "again", "--study", "whole", "--format", "csv", "--json")

    assert json.loads(zipped.stdout)["files"] == [str(tmp_path / "whole.zip")]
    assert json.loads(back.stdout)["rows"] == json.loads(said.stdout)["rows"] == json.loads(again.stdout)["rows"]
    assert taken.code == 1 and taken.stderr.count("\n") == 1 and "--study NAME" in taken.stderr
    assert json.loads(renamed.stdout)["study"] == "second"
    for name in json.loads(said.stdout)["files"]:
        if Path(name).suffix == ".csv":
            assert (tmp_path / "again" / Path(name).name).read_bytes() == Path(name).read_bytes()


def test_a_folder_that_is_no_export_is_refused_and_texts_still_need_their_task(
    call: CommandLine, tmp_path: Path
) -> None:
    folder = call("import", tmp_path)
    file = call("import", tmp_path / "texts.csv")

    assert folder.code == 1 and "holds no manifest.json" in folder.stderr and "Nothing was imported" in folder.stderr
    assert file.code == 2 and "--task" in file.stderr


@pytest.mark.slow
def test_the_report_is_written_with_the_list_of_its_files(call: CommandLine, store: Store, tmp_path: Path) -> None:
    with store.write() as session:
        whole_study.fill(session)

    said = call("report", tmp_path / "pack", "--study", "whole", "--metric", "accuracy", "--json", PATH="")
    unknown = call("report", tmp_path / "other", "--study", "hole")

    found = json.loads(said.stdout)
    assert (
        all(Path(path).is_file() for path in found["files"]) and str(tmp_path / "pack" / "tables.tex") in found["files"]
    )
    assert "accuracy" in (tmp_path / "pack" / "tables.tex").read_text()
    assert unknown.code == 1 and "Studies: whole, another" in unknown.stderr
