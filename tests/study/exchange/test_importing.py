"""Importing files into arms: which rows are kept, which are rejected and why."""

import json
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import func, select

from core import settings as settings_module
from core.errors import StudyError
from core.study import store as store_module
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.exchange.importing import Options
from core.study.rows.kinds import SampleStatus
from core.study.rows.study import Import, Sample, Study, Task
from core.study.store import Store

LABELS = {"yes": "it is", "no": "it is not"}


def bring(
    store: Store, path: Path, *, arm: str = "real", options: Options | None = None, labels: dict[str, str] | None = None
) -> importing.Imported:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        task = tasks.make_task(session, study_id=study.id, name="t", question="?", labels=labels or LABELS)
        made = tasks.make_arm(session, task_id=task.id, name=arm)
        return importing.bring_in(session, task=task, arm=made, table=tables.read(path), options=options or Options())


def csv(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def count(store: Store, **conditions: str) -> int:
    with store() as session:
        query = select(func.count(Sample.id))
        for column, value in conditions.items():
            query = query.where(getattr(Sample, column) == value)
        return session.scalar(query) or 0


def test_every_row_is_either_kept_or_counted_with_its_reason(store: Store, tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "text,label,split\none,yes,train\n,yes,train\ntwo,,train\nthree,maybe,train\nONE ,no,train\nfour,no,later\nfive,no,test\n",
    )

    found = bring(store, path)

    assert found.kept + sum(found.rejected.values()) == found.read == 7
    assert found.rejected == {
        "empty text": 1,
        "no label": 1,
        "unknown label 'maybe'": 1,
        "duplicate text with another label": 1,
        "unknown split 'later'": 1,
    }
    assert found.labels == {"yes": 1, "no": 1}


def test_a_text_in_train_and_test_stays_in_test_only(store: Store, tmp_path: Path) -> None:
    found = bring(store, csv(tmp_path, "text,label,split\nsame,yes,train\nsame,yes,test\nother,no,train\n"))

    assert found.rejected == {"also in the test split": 1}
    assert found.splits == {"test": 1, "train": 1}


def test_a_later_test_file_takes_its_texts_out_of_training(store: Store, tmp_path: Path) -> None:
    bring(store, csv(tmp_path, "text,label\nsame,yes\nother,no\n"), options=Options(split="train"))

    found = bring(store, csv(tmp_path, "text,label\nsame,yes\n", "test.csv"), options=Options(split="test"))

    assert (found.kept, found.moved) == (1, 1)
    assert count(store, status=SampleStatus.REJECTED, split="train") == 1


def test_synthetic_texts_that_stand_in_the_real_test_split_are_refused(store: Store, tmp_path: Path) -> None:
    bring(store, csv(tmp_path, "text,label,split\nsecret,yes,test\nopen,no,train\n"))

    found = bring(store, csv(tmp_path, "text,label\nSecret,yes\nnew,no\nopen,no\n", "made.csv"), arm="zero-shot")

    assert found.rejected == {"also in the test split": 1}
    assert found.kept == 2


def test_the_same_file_is_brought_in_once(store: Store, tmp_path: Path) -> None:
    path = csv(tmp_path, "text,label\none,yes\ntwo,no\n")

    first, second = bring(store, path), bring(store, path)

    assert (first.again, second.again) == (False, True)
    assert second.kept == first.kept == count(store)


@pytest.mark.parametrize("kind", ["tsv", "jsonl", "parquet"])
def test_other_kinds_of_file_give_the_same_samples(store: Store, tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame({"text": ["one, with comma", "two"], "label": ["yes", "no"]})
    path = tmp_path / f"data.{kind}"
    if kind == "tsv":
        frame.to_csv(path, sep="\t", index=False)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")) + "not json\n[1]\n")
    else:
        frame.to_parquet(path)

    found = bring(store, path)

    assert found.kept == 2
    assert found.rejected == ({"not JSON": 1, "not a JSON object": 1} if kind == "jsonl" else {})


@pytest.mark.slow
def test_of_two_imports_of_one_file_at_once_the_second_says_that_it_was_imported_before(
    migrated_postgresql_url: str, tmp_path: Path
) -> None:
    environ = {"LITMUS_HOME": str(tmp_path / "home"), "LITMUS_DATABASE": migrated_postgresql_url}
    store = store_module.open_store(settings_module.load(environ))
    path = csv(tmp_path, "text,label,split\na,yes,train\nb,no,test\n")
    bring(store, csv(tmp_path, "text,label,split\nc,yes,train\nd,no,test\n", "first.csv"))
    with ThreadPoolExecutor() as pool:
        with store.write() as session:
            task = session.scalars(select(Task)).one()
            arm = tasks.get_arm(session, task, "real")
            importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=Options())
            second = pool.submit(bring, store, path)
            wait([second], timeout=1.0)
            is_waiting = not second.done()

        assert is_waiting and second.result().again
    store.close()


def test_columns_and_labels_can_be_mapped(store: Store, tmp_path: Path) -> None:
    path = csv(tmp_path, "body,class\none,1\ntwo,0\n")

    found = bring(store, path, options=Options(text="body", label="class", rename={"1": "yes", "0": "no"}))

    assert found.labels == {"yes": 1, "no": 1}


def test_real_data_without_splits_is_drawn_the_same_way_each_time(store: Store, tmp_path: Path) -> None:
    rows = "".join(f"text number {number},{'yes' if number % 2 else 'no'}\n" for number in range(1000))

    found = bring(store, csv(tmp_path, "text,label\n" + rows))

    assert found.splits["train"] == pytest.approx(700, abs=60)
    assert found.splits["test"] == pytest.approx(250, abs=60)


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        ("a,b\n1,2\n", "data.csv", "has no column 'text', 'label'. Its columns are a, b."),
        ("text,label\n", "data.xlsx", "expected .csv, .tsv, .json, .jsonl, .ndjson, .parquet, found .xlsx."),
        ("text,label\none,perhaps\n", "data.csv", "No row of data.csv can be kept: unknown label 'perhaps' (1)."),
        ("", "data.csv", "holds no rows"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_and_stores_nothing(
    store: Store, tmp_path: Path, content: str, name: str, sentence: str
) -> None:
    path = csv(tmp_path, content, name)

    with pytest.raises(StudyError) as raised:
        bring(store, path)

    assert sentence in str(raised.value)
    with store() as session:
        assert [session.scalar(select(func.count(table.id))) for table in (Study, Task, Import, Sample)] == [0, 0, 0, 0]


def test_a_file_in_another_encoding_is_refused_with_a_sentence(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("text,label\ncafé,yes\n".encode("latin-1"))

    with pytest.raises(StudyError, match="is not UTF-8"):
        bring(store, path)


def test_odd_labels_in_real_synthetic_data_are_counted_by_name(store: Store, real_data: Path) -> None:
    labels = {"World": "", "Sports": "", "Business": "", "Sci/Tech": ""}
    bring(store, real_data / "ag_news.csv", labels=labels)

    found = bring(store, real_data / "ag_news.synthetic.csv", arm="zero-shot", labels=labels)

    assert found.read == 1027
    assert found.rejected["unknown label 'Tech'"] == 10
    assert found.kept + sum(found.rejected.values()) == found.read


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "rejected"),
    [
        ("text,label\none here,yes,\ntwo here,no,\n", {}),
        ("text,label\none here,yes,extra\ntwo here,no\nthree here,yes\n", {"too many columns": 1}),
        ("\ufefftext,label\r\none here,yes\r\n\r\ntwo here,no\r\n", {}),
        ('text,label\n"one, ""here""\nand there",yes\ntwo\x00 here,no\n', {}),
        ("text,label\none here,[/b]\ntwo here,yes\nthree,no\n", {"unknown label '[/b]'": 1}),
    ],
)
def test_csv_files_as_programs_write_them_lose_no_row_silently(
    store: Store, tmp_path: Path, content: str, rejected: dict[str, int]
) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content.encode())

    found = bring(store, path)

    assert found.rejected == rejected
    assert found.kept + sum(rejected.values()) == found.read
    assert found.kept == 2


def test_whole_numbers_as_labels_stay_whole_beside_missing_ones(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "numbers.jsonl"
    path.write_text('{"text": "one", "label": 0}\n{"text": "two", "label": 1}\n{"text": "three", "label": null}\n')

    found = bring(store, path, labels={"0": "", "1": ""})

    assert found.labels == {"0": 1, "1": 1}
    assert found.rejected == {"no label": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("text,label,label\none,yes,no\n", "two columns named 'label'"),
        ('text,label\n"one,yes\ntwo,no\n', "Is a quote not closed?"),
        ("text,label\n", "has no row"),
    ],
)
def test_a_csv_that_would_be_misread_is_refused(store: Store, tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(StudyError) as raised:
        bring(store, csv(tmp_path, content))

    assert sentence in str(raised.value)
