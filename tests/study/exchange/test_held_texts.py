"""Importing texts that the task already holds: the preview equals the import."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import StudyError
from core.study import tasks
from core.study.exchange import held_texts, importing, tables
from core.study.exchange.importing import Options
from core.study.exchange.labels_in_files import Choices
from core.study.store import Store

FIRST = "text,label,split\na,yes,train\nb,no,train\nc,yes,validation\nd,no,test\ne,yes,test\nf,no,train\n"
Bring = Callable[..., tuple[importing.Findings, importing.Imported]]


@pytest.fixture
def bring(store: Store, tmp_path: Path) -> Bring:
    """The preview of a file and the result of its import."""

    def brought(content: str, *, arm: str = "real", **options: object) -> tuple[importing.Findings, importing.Imported]:
        path = tmp_path / "f.csv"
        path.write_text(content)
        table, chosen = tables.read(path), Options(**options)  # type: ignore[arg-type]
        with store.write() as session:
            study = tasks.study_named(session, "s")
            labels = {"yes": "", "no": ""}
            task = tasks.make_task(session, study_id=study.id, name="t", question="?", labels=labels)
            held = held_texts.read(session, task_id=task.id, arm=arm, sha256=table.sha256)
            found = importing.look(table, chosen, known=list(labels), real=arm == "real", held=held)
            made = tasks.make_arm(session, task_id=task.id, name=arm)
            return found, importing.bring_in(session, task=task, arm=made, table=table, options=chosen)

    return brought


def test_findings_tell_what_becomes_of_texts_that_the_arm_holds(bring: Bring) -> None:
    bring(FIRST)

    found, done = bring(
        "text,label,split\na,yes,train\nA ,no,train\nc,yes,train\nd,no,train\ne,yes,test\nf,no,test\nnew,yes,train\n"
    )

    assert found.already == {
        held_texts.SAME: 2,
        held_texts.OTHER_LABEL: 1,
        held_texts.OTHER_SPLIT: 1,
        held_texts.IN_OWN_TEST: 1,
        held_texts.MOVES: 1,
    }
    assert (found.left_out, found.splits) == (done.rejected, done.splits)
    assert done.moved == found.already[held_texts.MOVES] == 1
    assert sum("Already in the arm" in note for note in found.notes) == 4
    assert sum("Already in the test split of the arm" in note for note in found.notes) == 1


def test_synthetic_texts_of_the_real_test_split_and_of_real_training_are_told_before(bring: Bring) -> None:
    bring(FIRST)

    found, done = bring("text,label\nd,no\na,yes\nnew,no\n", arm="zero-shot")

    assert found.already == {held_texts.IN_TEST: 1} and found.left_out == done.rejected == {"also in the test split": 1}
    assert any("In the real arm too, outside its test split: 1 row," in note for note in found.notes)
    assert found.notes == done.notes


def test_a_test_row_that_cannot_be_kept_takes_no_text_out_of_training(bring: Bring) -> None:
    found, done = bring("text,label,split\na,yes,train\na,,test\nb,no,test\nb,no,train\n")

    assert (found.left_out, found.splits) == (done.rejected, done.splits)
    assert done.splits == {"train": 1, "test": 1}


def test_real_test_texts_that_another_arm_holds_are_told(bring: Bring) -> None:
    bring("text,label\na,yes\nb,no\n", arm="zero-shot")

    found, _ = bring("text,label,split\na,yes,test\nb,no,train\n")

    assert any("in other arms too: 1 row;" in note for note in found.notes)


@pytest.mark.parametrize(
    "options", [{}, {"choices": Choices(cuts=(0.5,)), "rename": {"below 0.5": "no", "0.5 or more": "yes"}}]
)
def test_the_same_file_with_the_same_options_is_told_before_it_is_passed_over(
    bring: Bring, options: dict[str, object]
) -> None:
    content = "text,label\na,yes\nb,no\n"
    bring(content)

    found, done = bring(content)

    assert found.again and done.again and found.splits == {}
    assert found.read == sum(found.left_out.values()) == 2
    assert "imported before" in found.notes[0]


def test_a_file_that_is_cut_into_classes_is_brought_in_once(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("text,label\na,0.1\nb,0.9\n")
    cut = Options(choices=Choices(cuts=(0.5,)))
    reports = []

    for _ in range(2):
        with store.write() as session:
            study = tasks.study_named(session, "s")
            labels = dict.fromkeys(["below 0.5", "0.5 or more"], "")
            task = tasks.make_task(session, study_id=study.id, name="t", question="?", labels=labels)
            arm = tasks.make_arm(session, task_id=task.id, name="real")
            reports.append(importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=cut))

    assert [report.again for report in reports] == [False, True]


@pytest.mark.parametrize(
    ("content", "known", "sentence"),
    [
        ("text,label\na,maybe\n", ["yes", "no"], "No row of f.csv can be kept"),
        ('text,label\na,"[""yes"", ""no""]"\nb,no\n', ["yes", "no"], "1 rows of f.csv hold several labels"),
        ("text,label\na,yes\nb,yes\n", [], "needs at least two labels"),
        ("text,label\na,yes\nb,Yes\nc,no\nd,no\n", [], "look alike"),
    ],
)
def test_findings_say_why_an_import_would_be_refused(
    tmp_path: Path, content: str, known: list[str], sentence: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_text(content)
    table = tables.read(path)

    assert sentence in importing.look(table, Options(), known=known).refused
    if not known:
        with pytest.raises(StudyError, match=sentence):
            importing.real_labels(table, Options())


def test_real_texts_without_a_test_share_are_told_until_one_is_drawn(bring: Bring) -> None:
    rows = "\n".join(f"text {n},{('yes', 'no')[n % 2]},train" for n in range(60))
    told = "No real text of this task would be for testing (train 60)"

    synthetic, _ = bring(f"text,label,split\n{rows}\n", arm="zero-shot")
    found, done = bring(f"text,label,split\n{rows}\n")
    assert any(note.startswith(told) for note in found.notes) and found.notes == done.notes
    assert not any("testing" in note for note in synthetic.notes)

    drawn, _ = bring(f"text,label,split\n{rows.replace('text', 'other')}\n", split="draw")
    assert drawn.splits["test"] > 5 and not any("testing" in note for note in drawn.notes)
