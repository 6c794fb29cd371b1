"""The commands export, import of a whole study, and report, as they are called."""

import json
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.errors import StudyError
from core.settings import Settings
from core.steps import find, share
from core.steps.trained import models
from core.study import tasks, trash
from core.study.rows.study import Study
from core.study.store import Store
from core.study.upkeep import studies
from tests.command_line import CommandLine
from tests.study.archive import whole_study


@pytest.mark.slow
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
        if Path(name).suffix == ".csv" and Path(name).name != "studies.csv":  # without the connection that it had
            assert (tmp_path / "again" / Path(name).name).read_bytes() == Path(name).read_bytes()


@pytest.mark.parametrize("name", ["folder.zip", "file/x.zip", "file/x"])
def test_an_export_that_cannot_be_written_is_a_sentence_and_leaves_nothing(
    call: CommandLine, store: Store, tmp_path: Path, name: str
) -> None:
    with store.write() as session:
        tasks.study_named(session, "s")
    place = tmp_path / "place"
    (place / "folder.zip").mkdir(parents=True)
    (place / "file").write_text("mine")

    said = call("export", place / name, "--study", "s")

    assert said.code == 1 and said.stderr.count("\n") == 1 and "cannot be written: " in said.stderr
    assert sorted(path.name for path in place.rglob("*")) == ["file", "folder.zip"]


@pytest.mark.slow
def test_a_check_of_an_exported_study_stores_nothing_and_options_for_texts_are_refused(
    call: CommandLine, store: Store, tmp_path: Path
) -> None:
    with store.write() as session:
        whole_study.fill(session)
    call("export", tmp_path / "files", "--study", "whole")
    fresh = CommandLine(tmp_path / "fresh")

    checked = fresh("import", tmp_path / "files", "--check", "--json")
    said = fresh("import", tmp_path / "files", "--check")
    refused = fresh("import", tmp_path / "files", "--rename", "a=b", "--split", "test")
    stored = fresh("import", tmp_path / "files", "--json")

    assert json.loads(checked.stdout)["stored"] is False and "Nothing is stored." in said.stdout
    assert refused.code == 2 and "--rename" in refused.stderr and "--split" in refused.stderr
    assert json.loads(stored.stdout)["stored"] is True and json.loads(stored.stdout)["study"] == "whole"


def test_the_trash_takes_no_option_it_would_not_heed_and_asks_which_of_two_is_meant(
    call: CommandLine, store: Store, tmp_path: Path
) -> None:
    with store.write() as session:
        for name in ("one", "two"):
            study = tasks.study_named(session, name)
            tasks.make_task(session, study_id=study.id, name=f"of_{name}", question="?", labels={"yes": "", "no": ""})
    for name in ("one", "two"):
        assert call("trash", "put", "--task", f"of_{name}").code == 0
    assert call("trash", "put", "--study", "one").code == 0

    emptied = call("trash", "empty", "--number", "1", "--days", "0")
    several = call("trash", "restore", "--number", "1")
    nothing = call("trash", "restore", "--number", "7")
    by_name = call("trash", "restore", "--study", "one", "--json")

    assert emptied.code == 2 and "does not take --number; nothing was done" in " ".join(emptied.stderr.split())
    assert several.code == 1 and "study 'one' (--number 1)" in several.stderr and "task 'of_one'" in several.stderr
    assert nothing.code == 1 and "Nothing in the trash fits" in nothing.stderr
    assert [row["name"] for row in json.loads(by_name.stdout)["trash"]] == ["of_two", "of_one"]


def test_an_import_that_is_undone_is_named(call: CommandLine, tmp_path: Path) -> None:
    for name in ("first", "second"):
        rows = "".join(f"{name} text {n},{'yes' if n % 2 else 'no'}\n" for n in range(20))
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{rows}")
        assert call("import", tmp_path / f"{name}.csv", "--task", "u", "--arm", "real").code == 0

    said = call("trash", "undo-import", "--task", "u")
    refused = call("trash", "undo-import", "--task", "u", "--number", "1")

    assert "Undone: the import of second.csv into arm real; texts left out: 20." in " ".join(said.stdout.split())
    assert refused.code == 2 and "--number" in refused.stderr


def test_studies_whose_names_look_alike_as_folders_share_none(store: Store, tmp_path: Path) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(tmp_path / "home")})
    with store.write() as session:
        names = ["mood-1", "mood 1", "mood", "mood/", "..", "mood-2", "mood 1-2"]
        made = [Study(name=name, config={}) for name in names]
        session.add_all(made)
        session.flush()
        folders = [share.folder(settings, study) for study in made]

    assert len(set(folders)) == len(names) and folders[2].name == f"mood-{made[2].id}"
    assert all(folder.parent == settings.exports for folder in folders)


def with_an_export(session: Session, settings: Settings, name: str) -> Study:
    """A new study whose folder of exports holds an export of it."""
    study = tasks.study_named(session, name)
    share.marked_folder(settings, study)
    share.export_file(settings, study).write_bytes(b"of the first")
    return study


def test_a_folder_of_exports_stays_with_its_study_whatever_name_the_study_gets(store: Store, tmp_path: Path) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(tmp_path / "home")})
    with store.write() as session:
        first = with_an_export(session, settings, "alpha")
        studies.rename(session, first.id, "beta")
        second = tasks.study_named(session, "alpha")

    assert share.export_file(settings, first).read_bytes() == b"of the first"
    assert not share.export_file(settings, second).exists()


def test_a_study_with_the_id_of_a_deleted_one_has_none_of_its_exports(store: Store, tmp_path: Path) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(tmp_path / "home")})
    with store.write() as session:
        first = with_an_export(session, settings, "alpha")
        trash.put_study(session, first.id, name="alpha", now=0.0)

    models.empty_trash(store, settings, now=1e9)

    with store.write() as session:
        again = tasks.study_named(session, "alpha")
    assert again.id == first.id and not share.folder(settings, again).exists()
    assert [path.read_bytes() for path in settings.exports.glob("alpha-*/study.zip")] == [b"of the first"]


def test_a_folder_that_only_ends_in_the_number_of_a_study_is_not_its_own(store: Store, tmp_path: Path) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(tmp_path / "home")})
    with store.write() as session:
        study = tasks.study_named(session, "rate")
        for name in ("holiday-pack", "rate"):
            (settings.exports / f"{name}-{study.id}").mkdir(parents=True)
            (settings.exports / f"{name}-{study.id}" / "study.zip").write_bytes(b"of another")
        assert not share.export_file(settings, study).exists()

        share.queue_export(session, settings, study=study)

    own = share.folder(settings, study)
    assert own.is_dir() and own.name == f"rate-{study.id}-2" and not share.export_file(settings, study).exists()


def test_a_study_is_named_where_it_is_hidden_and_one_in_the_lists_comes_first(store: Store) -> None:
    with store.write() as session:
        for name in ("old", "new"):
            study = tasks.study_named(session, name)
            tasks.make_task(session, study_id=study.id, name="tone", question="?", labels={"yes": "", "no": ""})
        studies.put_aside(session, find.study_called(session, "old").id, True)

        assert find.find_study(session, None, "tone").name == "new" == find.only_study(session, None).name
        studies.put_aside(session, find.study_called(session, "new").id, True)
        with pytest.raises(StudyError, match=r"--study\. Studies: new \(hidden from the lists\), old \(hidden"):
            find.only_study(session, None)


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
