"""Exporting texts: every format holds the same rows, and the card names the origin of the texts."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from core.errors import StudyError
from core.study import judgements, tasks
from core.study.exchange import importing, spreadsheets, tables
from core.study.exchange.data_set import exporting
from core.study.rows.kinds import JudgementKind
from core.study.rows.study import Arm, Judgement, Task
from core.study.store import Store
from tests.study.conftest import Letters


def written(
    store: Store, letters: Letters, folder: Path, *, format: exporting.Format = "parquet", rejected: bool = False
) -> list[str]:
    with store() as session:
        paths = exporting.write(
            session, task_id=letters.task.id, arms=[letters.real, letters.made], folder=folder, format=format,
            rejected=rejected,
        )  # fmt: skip
    return [path.relative_to(folder).as_posix() for path in paths]


@pytest.mark.parametrize("format", ["parquet", "jsonl", "csv"])
def test_each_arm_and_split_is_a_file_with_the_same_rows_in_every_format(
    store: Store, letters: Letters, tmp_path: Path, format: exporting.Format
) -> None:
    found = written(store, letters, tmp_path, format=format)

    table = tables.read(tmp_path / f"data/few-shot/train.{format}")
    assert found == [
        "README.md",
        "croissant.json",
        *(f"data/real/{split}.{format}" for split in ("train", "test", "pool")),
        f"data/few-shot/train.{format}",
    ]
    assert list(table.frame.columns) == exporting.SCHEMA.names
    assert list(table.frame["label"]) == ["glad", "glad", "sad"]
    assert list(table.frame["model"]) == ["model-a", "model-a", "model-b"]
    assert list(table.frame["attributes"]) == ['{"style": "plain"}'] * 3


def test_intended_judged_and_human_labels_stand_side_by_side(store: Store, letters: Letters, tmp_path: Path) -> None:
    glad, sad = letters.labels["glad"].id, letters.labels["sad"].id
    with store.write() as session:
        for name, label_id in (("one", sad), ("two", None)):
            sample_id = letters.texts[name].id
            session.add(Judgement(sample_id=sample_id, kind=JudgementKind.JUDGE, judge="j", label_id=label_id))
        judgements.set_human_label(session, letters.texts["one"].id, glad)

    written(store, letters, tmp_path)

    made = pd.read_parquet(tmp_path / "data/few-shot/train.parquet").set_index("id")
    one, two = made.loc[letters.texts["one"].id], made.loc[letters.texts["two"].id]
    real = pd.read_parquet(tmp_path / "data/real/test.parquet")
    assert (one["label_intended"], one["label_judge"], one["label_human"]) == ("glad", "sad", "glad")
    assert two[["label_judge", "label_human"]].isna().all()
    assert real["label_intended"].isna().all() and list(real["label"]) == ["glad", "sad"]


def test_rejected_texts_are_written_with_their_reason_only_when_asked_for(
    store: Store, letters: Letters, tmp_path: Path
) -> None:
    written(store, letters, tmp_path, format="jsonl", rejected=True)

    lines = (tmp_path / "data/few-shot/train.jsonl").read_text(encoding="utf-8").splitlines()
    reasons = [json.loads(line)["reject_reason"] for line in lines]
    assert reasons == [None, None, "too short", None]


def test_texts_leave_as_they_are_and_are_escaped_for_a_spreadsheet_on_request(
    store: Store, letters: Letters, tmp_path: Path
) -> None:
    written(store, letters, tmp_path, format="csv")
    written(store, letters, tmp_path, format="parquet")

    with (tmp_path / "data/few-shot/train.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))["text"]
    assert first == "=What a FINE Étude day"
    parquet = pd.read_parquet(tmp_path / "data/few-shot/train.parquet")
    assert parquet["text"].iloc[0] == "=What a FINE Étude day"
    assert "'=What a FINE Étude day" in spreadsheets.safe_csv(parquet)


def test_numbers_are_no_formulas_and_stay_numbers() -> None:
    table = pd.DataFrame(
        {"label": ["-1", "+1", "1", "-1.5e3", "-1+2", "-", "=1"], "gap": [-0.5, None, 1, 2, 3, 4, 5]}, dtype=object
    )

    lines = spreadsheets.safe_csv(table).splitlines()[1:]

    assert lines == ["-1,-0.5", "+1,", "1,1", "-1.5e3,2", "'-1+2,3", "'-,4", "'=1,5"]


ODD_TEXTS = [
    "@ferry thanks for the quick help", "-- not impressed at all", "+1 for the new timetable", "=) what a crew", "=SUM(A1:A9)",
    'She said "never again", twice', '"quoted whole"', "two\nlines", "a\rreturn", "both\r\nof them",
    "tab\there", "semi;colon, comma", "'=kept quote",
    "back\\slash \\\" end", "سلام دنیا", "快递太慢了", "🔥", "null", "1.0",
]  # fmt: skip


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_task_that_is_exported_and_imported_into_an_empty_study_is_the_same(
    store: Store, tmp_path: Path, format: exporting.Format
) -> None:
    def texts(study: str) -> list[tuple[str, str, str]]:
        with store() as session:
            arm = tasks.get_arm(session, tasks.get_task(session, tasks.study_named(session, study).id, "t"), "real")
            found = exporting.rows(session, task=session.get_one(Task, arm.task_id), arm=arm)
        return sorted(found[["text", "label", "split"]].itertuples(index=False, name=None))

    def bring(study: str, paths: list[Path]) -> None:
        with store.write() as session:
            home = tasks.study_named(session, study)
            task = tasks.make_task(session, study_id=home.id, name="t", question="?", labels={"0": "", "none": ""})
            arm = tasks.make_arm(session, task_id=task.id, name="real")
            for path in paths:
                importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())

    first = tmp_path / "first.jsonl"
    labels, splits = ["0", "none"], ["train", "test"]
    rows = [{"text": one, "label": labels[n % 2], "split": splits[n % 3 // 2]} for n, one in enumerate(ODD_TEXTS)]
    first.write_text("\n".join(json.dumps(row) for row in rows))
    bring("one", [first])
    with store() as session:
        home = tasks.study_named(session, "one")
        task = tasks.get_task(session, home.id, "t")
        arms = tasks.arms(session, task.id)
        paths = exporting.write(session, task_id=task.id, arms=arms, folder=tmp_path / "out", format=format)

    bring("two", [path for path in paths if path.name not in ("README.md", "croissant.json")])

    assert len(texts("one")) == len(ODD_TEXTS)
    assert texts("one") == texts("two")


def test_the_card_says_who_wrote_what_with_which_prompts(store: Store, letters: Letters, tmp_path: Path) -> None:
    written(store, letters, tmp_path)

    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "other"
    assert [config["config_name"] for config in head["configs"]] == ["real", "few-shot"]
    assert head["configs"][1]["data_files"] == [{"split": "train", "path": "data/few-shot/train.parquet"}]
    assert "Write {n} letters, 1." in card and "Write {n} letters, 2." in card
    assert "2 texts by the model model-a" in card and "1 text by the model model-b" in card
    assert "**Synthetic** texts: few-shot" in card and "**Real** texts: real" in card
    assert "6 texts from the file real.csv" in card


@pytest.mark.parametrize("format", ["parquet", "jsonl", "csv"])
def test_the_key_in_the_address_of_a_model_leaves_with_no_file(
    store: Store, letters: Letters, tmp_path: Path, format: exporting.Format
) -> None:
    with store.write() as session:
        for completion in letters.completions:
            session.merge(completion).model = "tester@https://someone:hunter2@models.test/v1?api_key=hunter2&v=3"

    names = written(store, letters, tmp_path, format=format)

    found = {name: (tmp_path / name).read_bytes() for name in names}
    assert [name for name, content in found.items() if b"hunter2" in content or b"someone" in content] == []
    assert b"tester@https://models.test/v1?v=3" in found["README.md"] and b"models.test/v1" in found["croissant.json"]


def test_what_is_exported_can_be_imported_again(store: Store, letters: Letters, tmp_path: Path) -> None:
    written(store, letters, tmp_path)

    with store.write() as session:
        arm = tasks.make_arm(session, task_id=letters.task.id, name="few-shot-again")
        table = tables.read(tmp_path / "data/few-shot/train.parquet")
        found = importing.bring_in(session, task=letters.task, arm=arm, table=table, options=importing.Options())

    assert (found.read, found.kept, found.labels) == (3, 3, {"glad": 2, "sad": 1})


def test_two_arms_never_share_a_folder() -> None:
    arms = [Arm(task_id=1, name=name, kind="other") for name in ("a/b", "a b", "A-B", "../..", "ä")]
    for number, arm in enumerate(arms, start=1):
        arm.id = number

    names = exporting.folder_names(arms)

    assert names == {1: "a-b", 2: "a-b-2", 3: "A-B-3", 4: "arm", 5: "arm-5"}


def test_nothing_to_write_is_an_error(store: Store, letters: Letters, tmp_path: Path) -> None:
    with store.write() as session:
        empty = tasks.make_arm(session, task_id=letters.task.id, name="empty")

    with pytest.raises(StudyError, match="hold no text yet"), store() as session:
        exporting.write(session, task_id=letters.task.id, arms=[empty], folder=tmp_path)
