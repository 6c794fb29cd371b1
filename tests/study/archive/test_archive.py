"""A whole study as files: read back it is the same to the last digit; no secret leaves; what is damaged is refused whole."""

import csv
import hashlib
import json
import shutil
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import mlcroissant
import pandas as pd
import pytest
import sqlalchemy
from sqlalchemy import func, insert, select, update

from core import settings as settings_module
from core.analysis import findings
from core.errors import StudyError
from core.llm import connection
from core.study import store as store_module
from core.study import trash
from core.study.archive import formats, layout, manifest, reading, writing, zipped
from core.study.archive.layout import Format
from core.study.exchange import addresses
from core.study.exchange.data_set import croissant
from core.study.rows.base import Base
from core.study.rows.kinds import ArmKind
from core.study.rows.sessions import Campaign, Item, Rater
from core.study.rows.study import Arm, Job, Prediction, Run, Sample, Study, Task
from core.study.store import Store
from tests.study.archive import whole_study

pytestmark = pytest.mark.slow

FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")


def exported(store: Store, folder: Path, name: str = "whole", **options: object) -> list[Path]:
    with store() as session:
        study = session.scalars(select(Study).where(Study.name == name)).one()
        return writing.write(session, study, folder, **options)[1]  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.name not in ("manifest.json", "README.md")
    }


def counts(store: Store) -> dict[str, int]:
    with store() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def whole(store: Store) -> Store:
    with store.write() as session:
        whole_study.fill(session)
    return store


@pytest.fixture
def other(tmp_path: Path, empty_database: Path) -> Store:
    """An empty store beside the first."""
    (tmp_path / "other").mkdir()
    shutil.copy(empty_database, tmp_path / "other")
    return store_module.open_store(settings_module.load({"LITMUS_HOME": str(tmp_path / "other")}))


def test_the_study_of_these_tests_has_rows_of_every_kind(whole: Store) -> None:
    filled = {table for table, n in counts(whole).items() if n}

    assert len(filled) >= 21


@pytest.mark.parametrize(("format", "escaped"), [*((format, False) for format in FORMATS), ("csv", True)])
def test_a_study_read_back_gives_the_same_files(
    whole: Store, other: Store, tmp_path: Path, format: Format, escaped: bool
) -> None:
    exported(whole, tmp_path / "a", format=format, panel_ids=True, escaped=escaped)

    with other.write() as session:
        session.add(Study(name="in the way, so that ids differ"))
        session.flush()
        reading.read(session, tmp_path / "a", is_own=True)
    exported(other, tmp_path / "b", format=format, panel_ids=True, escaped=escaped)

    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert {len(content) > 3 for content in contents(tmp_path / "b").values()} == {True}


@pytest.mark.filterwarnings("ignore::Warning")  # those of the library and of what it is built on
@pytest.mark.parametrize("format", FORMATS)
def test_the_library_of_croissant_reads_the_export_and_finds_its_synthetic_texts_marked(
    whole: Store, tmp_path: Path, format: Format
) -> None:
    exported(whole, tmp_path / "a", format=format)

    data = mlcroissant.Dataset(jsonld=tmp_path / "a" / "croissant.json")
    records = list(data.records("samples"))
    written = manifest.read(tmp_path / "a").files.values()
    counted = {each.id: len(list(data.records(each.id))) for each in data.metadata.record_sets}
    read = json.loads((tmp_path / "a" / "croissant.json").read_text(encoding="utf-8"))

    assert data.metadata.ctx.issues.errors == set()
    assert list(counted.values()) == [entry.rows for entry in written]
    with whole() as session:
        of_study = select(Sample.text, Arm.kind).join(Arm).join(Task).join(Study).where(Study.name == "whole")
        kinds = Counter(kind != ArmKind.REAL for _, kind in session.execute(of_study))
    assert Counter(bool(record["samples/synthetic"]) for record in records) == kinds and len(kinds) == 2
    marks = {each["@id"]: each.get("digitalSourceType") for each in read["distribution"]}
    assert marks["file/samples"] == marks["file/completions"] == croissant.SYNTHETIC
    assert marks["file/ratings"] is None
    assert "are synthetic" in read["rai:dataCollection"]
    assert "hunter2" not in read["rai:dataCollection"]
    assert "are synthetic" in (tmp_path / "a" / "README.md").read_text(encoding="utf-8")


def test_findings_are_the_same_to_the_last_digit(whole: Store, other: Store, tmp_path: Path) -> None:
    exported(whole, tmp_path / "a")
    with other.write() as session:
        reading.read(session, tmp_path / "a", name="renamed")

    with whole() as first, other() as second:
        one = findings.collect(first, first.scalars(select(Study).where(Study.name == "whole")).one())
        two = findings.collect(second, second.scalars(select(Study)).one())

    assert two.study.name == "renamed" and one.fit is not None
    assert findings.as_json(one, report="") | {"study": ""} == findings.as_json(two, report="") | {"study": ""}
    pd.testing.assert_frame_equal(one.points, two.points, check_exact=True)


def test_a_study_is_read_back_beside_the_first_under_another_name(whole: Store, tmp_path: Path) -> None:
    exported(whole, tmp_path / "a")

    with whole.write() as session:
        reading.read(session, tmp_path / "a", name="second")
    exported(whole, tmp_path / "b", "second")

    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    for name in ("studies.jsonl", "croissant.json"):  # both hold the name, the latter also a checksum of the former
        assert first.pop(name) != second.pop(name)
    assert first == second


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_no_secret_is_written_and_panel_ids_only_on_request(whole: Store, tmp_path: Path, format: Format) -> None:
    exported(whole, tmp_path / "a", format="jsonl")
    exported(whole, tmp_path / "b", format=format, panel_ids=True)

    plain = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "a").iterdir())
    asked = b"".join(path.read_bytes() for path in (tmp_path / "b").iterdir()).decode(errors="replace")
    assert [secret for secret in (*whole_study.SECRETS, *whole_study.PANEL) if secret in plain] == []
    assert [secret for secret in whole_study.SECRETS if secret in asked] == []
    assert [person for person in whole_study.PANEL if person not in asked] == []
    assert "https://llm.example/v1?api-version=2" in plain and "m@https://y.example/v1" in plain
    assert '{"rename": {"token": "yes"}}' in plain  # a label may have the name of a key


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://h.example/v1", "https://h.example/v1"),
        ("https://u:p@h.example:8000/v1", "https://h.example:8000/v1"),
        ("gpt@https://u@h.example/v1?x-api-key=1&v=2", "gpt@https://h.example/v1?v=2"),
        ("https://h.example/done?cc={code}", "https://h.example/done?cc={code}"),
        ("http://h.example/?access_token=abc", "http://h.example/"),
        ("see https://u:p@h.example/", "see https://u:p@h.example/"),
        ("https://[bad", "https://[bad"),
    ],
)
def test_an_address_loses_what_lets_someone_in_and_nothing_else(address: str, clean: str) -> None:
    assert addresses.without_key(address) == clean


def test_examples_of_a_completion_are_the_same_texts_afterwards(whole: Store, other: Store, tmp_path: Path) -> None:
    exported(whole, tmp_path / "a")
    with other.write() as session:
        session.add(Study(name="in the way"))
        session.flush()
        reading.read(session, tmp_path / "a")

    answer = json.loads((tmp_path / "a" / "completions.jsonl").read_text())
    texts = [json.loads(line)["text"] for line in (tmp_path / "a" / "samples.jsonl").read_text().splitlines()]
    assert [texts[number - 1] for number in answer["example_ids"]] == [f"tone text {n}" for n in range(3)]


def test_rows_that_refer_to_a_task_in_the_trash_are_left_out_and_counted(
    whole: Store, other: Store, tmp_path: Path
) -> None:
    with whole.write() as session:
        session.execute(update(Campaign).values(is_open=False))
        session.execute(update(Job).values(state="done"))
        news = session.scalars(select(Task.id).where(Task.name == "news")).one()
        last_seen = session.scalars(select(Item.id).where(Item.left_task_id == news).limit(1)).one()
        session.execute(update(Rater).where(Rater.pseudonym == "p1").values(assigned_item_id=last_seen))
        trash.put_task(session, news, now=1.0)
    with whole() as session:
        study = session.scalars(select(Study).where(Study.name == "whole")).one()
        said, _ = writing.write(session, study, tmp_path / "a")

    with other.write() as session:
        reading.read(session, tmp_path / "a")

    assert said.rows["task"] == 3 and said.left_out["comparison"] == 15 and said.left_out["item"] == 3
    assert "rater" not in said.left_out and said.rows["comparison"] == 15


def damaged(folder: Path, change: Callable[[Path], None], *, sealed: bool = True) -> None:
    """Change the files of an export; `sealed`: with a manifest that agrees with the change."""
    change(folder)
    if not sealed:
        return
    path = folder / "manifest.json"
    said = json.loads(path.read_text())
    for name, entry in said["files"].items():
        if (folder / name).is_file():
            entry["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(said))


def in_file(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def linked(folder: Path) -> None:
    (folder / "tasks.jsonl").rename(folder.parent / "outside.jsonl")
    (folder / "tasks.jsonl").symlink_to(folder.parent / "outside.jsonl")


HURT: dict[str, tuple[Callable[[Path], None], bool, str]] = {
    "a file is gone": (lambda folder: (folder / "runs.jsonl").unlink(), False, "runs.jsonl is missing"),
    "a file was changed": (in_file("runs.jsonl", "minilm", "maxilm"), False, "SHA-256 differs"),
    "another version": (in_file("manifest.json", '"version": 1', '"version": 9'), True, "version 9 of the format"),
    "a newer schema": (in_file("manifest.json", '"schema_revision": "', '"schema_revision": "z'), True, "does not know"),
    "a schema of 5,000 letters": (
        in_file("manifest.json", '"schema_revision": "', '"schema_revision": "' + "z" * 5000),
        True,
        "revision 'zzz",
    ),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), False, "holds no manifest.json"),
    "half a manifest": (lambda folder: (folder / "manifest.json").write_text('{"version": 1'), False, "is damaged"),
    "a path outside": (in_file("manifest.json", '"tasks.jsonl"', '"../tasks.jsonl"'), True, "a file that no study has"),
    "a link outside": (linked, True, "tasks.jsonl is missing"),
    "a row to nowhere": (in_file("ratings.jsonl", '"rater_id": 1,', '"rater_id": 999,'), True, "a row that the files do not have"),
    "an example nowhere": (in_file("completions.jsonl", '"example_ids": [', '"example_ids": [9999, '), True, "do not have"),
    "a wrong kind": (in_file("tasks.jsonl", '"question": "?"', '"question": 7'), True, "which is no text"),
    "an unknown value": (in_file("arms.jsonl", '"kind": "real"', '"kind": "unreal"'), True, "is not possible there"),
    "a repeated row": (in_file("labels.jsonl", '"name": "yes"', '"name": "no"'), True, "do not fit together"),
    "no JSON": (in_file("skips.jsonl", "{", "("), True, "skips.jsonl, line 1, is not JSON"),
    "rows out of order": (in_file("tasks.jsonl", '"id": 1,', '"id": 2,'), True, "in place of 1"),
    "too few rows": (lambda folder: (folder / "skips.jsonl").write_text(""), True, "rows"),
    "a missing column": (in_file("skips.jsonl", '"reason": ""', '"raison": ""'), True, "does not hold the columns"),
    "an unknown column": (in_file("manifest.json", '"columns": ["id"', '"columns": ["oid"'), True, "does not know, 'oid'"),
}  # fmt: skip


@pytest.mark.parametrize("hurt", HURT)
def test_a_damaged_export_is_refused_in_a_sentence_and_nothing_is_stored(
    whole: Store, other: Store, tmp_path: Path, hurt: str
) -> None:
    exported(whole, tmp_path / "a")
    path = tmp_path / "a" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    change, sealed, sentence = HURT[hurt]
    damaged(tmp_path / "a", change, sealed=sealed)

    with pytest.raises(StudyError) as refused, other.write() as session:
        reading.read(session, tmp_path / "a")

    assert sentence in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 500
    assert set(counts(other).values()) == {0}


def test_the_connection_of_somebody_else_is_left_out_so_that_no_key_goes_to_its_address(
    whole: Store, other: Store, tmp_path: Path
) -> None:
    with whole.write() as session:
        study = session.scalars(select(Study).where(Study.name == "whole")).one()
        connection.keep(
            session, study.id, connection.Connection(models=("m",), base_url="https://collector.example/v1")
        )
    exported(whole, tmp_path / "a")

    with other.write() as session:
        foreign, _ = reading.read(session, tmp_path / "a")
        own, _ = reading.read(session, tmp_path / "a", name="own", is_own=True)

    assert connection.of(foreign) == connection.Connection() and foreign.config["encoders"] == own.config["encoders"]
    assert connection.of(own).base_url == "https://collector.example/v1"
    with pytest.raises(StudyError, match="--base-url https://collector"):
        connection.check_known(
            "https://collector.example/v1", foreign, settings_module.load({"LITMUS_HOME": str(tmp_path)})
        )
    connection.check_known("https://collector.example/v1", own, settings_module.load({"LITMUS_HOME": str(tmp_path)}))


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_row_without_an_end_is_refused_before_it_fills_the_memory(
    whole: Store, other: Store, tmp_path: Path, format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(whole, tmp_path / "a", format=format)
    monkeypatch.setattr(formats, "LONGEST_ROW", 5_000)
    name = f"tasks.{format}"
    text = (tmp_path / "a" / name).read_text(encoding="utf-8")
    endless = '["' + "a" * 6_000 if format == "jsonl" else '1,"' + "b\nc\n" * 2_000
    damaged(tmp_path / "a", lambda folder: (folder / name).write_text(text + endless, encoding="utf-8"))  # type: ignore[arg-type, return-value]

    with pytest.raises(StudyError, match=f"{name} holds a row of over 5,000 characters"), other.write() as session:
        reading.read(session, tmp_path / "a")

    assert set(counts(other).values()) == {0}


def test_groups_hold_as_many_rows_as_there_is_room_for(
    whole: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(whole, tmp_path / "a")
    file = next(file for file in layout.files() if file.table.name == "sample")
    path = tmp_path / "a" / f"{file.stem}.jsonl"
    columns = [
        column for column in file.written if f'"{column.name}":' in path.read_text(encoding="utf-8").splitlines()[0]
    ]
    whole_group = list(formats.read("jsonl", path, columns))
    monkeypatch.setattr(formats, "HELD", 1_000)

    small = list(formats.read("jsonl", path, columns))

    assert len(whole_group) == 1 < len(small) and [row for group in small for row in group] == whole_group[0]


def test_a_taken_name_is_refused_with_the_way_out(whole: Store, tmp_path: Path) -> None:
    exported(whole, tmp_path / "a")
    before = counts(whole)

    with pytest.raises(StudyError, match="'whole' already.*--study NAME"), whole.write() as session:
        reading.read(session, tmp_path / "a")

    assert counts(whole) == before


def test_an_older_export_may_lack_columns_that_the_database_fills_in(
    whole: Store, other: Store, tmp_path: Path
) -> None:
    exported(whole, tmp_path / "a", format="csv")
    path = tmp_path / "a" / "arms.csv"
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    place = rows[0].index("not_taken")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([row[:place] + row[place + 1 :] for row in rows])
    said = json.loads((tmp_path / "a" / "manifest.json").read_text())
    said["files"]["arms.csv"]["columns"].remove("not_taken")
    (tmp_path / "a" / "manifest.json").write_text(json.dumps(said))
    damaged(tmp_path / "a", lambda _: None)

    with other.write() as session:
        reading.read(session, tmp_path / "a")

    assert counts(other)["arm"] == 8


def test_other_files_are_never_overwritten_and_an_earlier_export_is_replaced(whole: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(StudyError, match="holds other files already"):
        exported(whole, tmp_path / "mine")

    exported(whole, tmp_path / "a", format="csv")
    exported(whole, tmp_path / "a", format="parquet")

    assert {path.suffix for path in (tmp_path / "a").iterdir()} == {".parquet", ".json", ".md"}


def test_a_zip_is_unpacked_and_one_that_leads_outside_is_refused(whole: Store, tmp_path: Path) -> None:
    paths = exported(whole, tmp_path / "a")
    good = zipped.pack(paths, tmp_path / "a", tmp_path / "good.zip")
    (tmp_path / "out").mkdir()
    bad = {
        "../tasks.jsonl": b"{}",
        "/etc/tasks.jsonl": b"{}",
        "a/tasks.jsonl": b"",
        "tasks.exe": b"",
        "tasks.jsonl": bytes(50_000_000),
    }

    assert contents(zipped.unpack_study(good, tmp_path / "out")) == contents(tmp_path / "a")
    for name, content in bad.items():
        with zipped.zipfile.ZipFile(tmp_path / "bad.zip", "w", zipped.zipfile.ZIP_DEFLATED) as made:
            made.writestr("manifest.json", "{}")
            made.writestr(name, content)
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(StudyError, match="Nothing was unpacked"):
            zipped.unpack_study(tmp_path / "bad.zip", tmp_path / "empty")
        assert list((tmp_path / "empty").iterdir()) == []


def test_a_zip_of_thousands_of_files_is_refused_by_their_number(tmp_path: Path) -> None:
    with zipped.zipfile.ZipFile(tmp_path / "many.zip", "w") as made:
        made.writestr("manifest.json", "{}")
        for number in range(20_000):
            made.writestr(f"{''.join(chr(97 + int(digit)) for digit in str(number))}.csv", b"")

    with pytest.raises(StudyError, match="20,001 files, which no study has"):
        zipped.unpack_study(tmp_path / "many.zip", tmp_path)
    with zipped.zipfile.ZipFile(tmp_path / "twice.zip", "w") as made, pytest.warns(UserWarning, match="Duplicate"):
        for _ in range(2):
            made.writestr("manifest.json", "{}")
    with pytest.raises(StudyError, match="holds a name twice"):
        zipped.unpack_study(tmp_path / "twice.zip", tmp_path)


def test_a_zip_whose_packed_bytes_are_damaged_is_refused_in_a_sentence(whole: Store, tmp_path: Path) -> None:
    paths = exported(whole, tmp_path / "a")
    good = zipped.pack(paths, tmp_path / "a", tmp_path / "good.zip").read_bytes()
    (tmp_path / "out").mkdir()

    for place in range(60, len(good) - 2000, len(good) // 300):
        (tmp_path / "bad.zip").write_bytes(good[:place] + b"\xff\x00\xff" + good[place + 3 :])
        try:
            zipped.unpack_study(tmp_path / "bad.zip", tmp_path / "out")
        except StudyError as error:
            assert "\n" not in str(error)


def test_every_column_of_every_table_of_a_study_is_exported() -> None:
    known = {file.table.name: {column.name for column in file.columns} for file in layout.files()}
    lacking = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if table.name not in layout.MACHINERY and column.name not in known[table.name]
    }

    assert lacking == layout.KEYS | {("completion", "batch_id"), ("run", "job_id")}


@pytest.mark.parametrize("format", FORMATS)
def test_memory_does_not_grow_with_the_number_of_predictions(
    whole: Store, other: Store, tmp_path: Path, format: Format
) -> None:
    with whole.write() as session:
        run = session.scalars(select(Run)).first()
        sample = session.scalars(select(Sample)).first()
        assert run is not None and sample is not None
        text = {"label_id": sample.label_id, "split": "pool", "status": "rejected", "created_at": 1.0}
        session.execute(
            insert(Sample),
            [text | {"arm_id": run.arm_id, "text": f"t{n}", "text_hash": f"h{n}", "part": n} for n in range(15_000)],
        )
        answer = {"run_id": run.id, "label_id": sample.label_id, "probability": 1 / 3, "created_at": 1.0}
        ids = session.scalars(select(Sample.id).where(Sample.split == "pool")).all()
        session.execute(insert(Prediction), [answer | {"sample_id": one} for one in ids])
    tracemalloc.start()

    exported(whole, tmp_path / "a", format=format)
    with other.write() as session:
        reading.read(session, tmp_path / "a")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 25e6  # a group of 5,000 rows at a time; all rows together take more than 30 MB
    assert counts(other)["prediction"] >= 15_000


def test_postgresql_reads_and_writes_the_same(whole: Store, migrated_postgresql_url: str, tmp_path: Path) -> None:
    environ = {"LITMUS_HOME": str(tmp_path / "pg"), "LITMUS_DATABASE": migrated_postgresql_url}
    server = store_module.open_store(settings_module.load(environ))
    exported(whole, tmp_path / "a")

    for name in ("whole", "again"):
        with server.write() as session:
            reading.read(session, tmp_path / "a", name=name, is_own=True)
    damaged(shutil.copytree(tmp_path / "a", tmp_path / "half"), in_file("skips.jsonl", "{", "("))
    for _ in range(3):
        with pytest.raises(StudyError, match="is not JSON"), server.write() as session:
            reading.read(session, tmp_path / "half", name="half")
    with server.write() as session:
        session.add(Study(name="one more, by the sequence"))
        session.flush()
        last = session.scalar(sqlalchemy.text("SELECT last_value FROM sample_id_seq"))
        assert last < counts(server)["sample"] + 10, "a refused import uses up one id of a table, not one for each row"
    with server() as session:
        study = writing.snapshot(session).scalars(select(Study).where(Study.name == "whole")).one()
        writing.write(session, study, tmp_path / "b")
    server.close()

    assert contents(tmp_path / "a") == contents(tmp_path / "b")
