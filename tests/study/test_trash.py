"""The trash: studies and tasks leave every list and are restored whole; an undone import leaves no kept text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from core import settings as settings_module
from core.errors import StudyError
from core.jobs import queue
from core.study import samples, tasks, trash
from core.study import store as store_module
from core.study.exchange import importing, tables
from core.study.exchange.data_set import exporting
from core.study.rows.base import POINTER, Base
from core.study.rows.kinds import JobState, SampleStatus, Slot
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.rows.study import Arm, Import, Run, Sample, Study, Task
from core.study.store import Store

DAY = 86_400.0


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, home_folder: Path) -> Iterator[Store]:
    environ = {"LITMUS_HOME": str(home_folder)}
    if request.param == "postgresql":
        environ["LITMUS_DATABASE"] = request.getfixturevalue("migrated_postgresql_url")
    opened = store_module.open_store(settings_module.load(environ))
    yield opened
    opened.close()


def bring(
    store: Store, folder: Path, name: str, rows: list[str], *, study: str = "s", arm: str = "real"
) -> importing.Imported:
    path = folder / name
    path.write_text("\n".join(["text,label,split", *rows]))
    with store.write() as session:
        home = tasks.study_named(session, study)
        task = tasks.make_task(session, study_id=home.id, name="t", question="?", labels={"yes": "", "no": ""})
        own = tasks.make_arm(session, task_id=task.id, name=arm)
        return importing.bring_in(session, task=task, arm=own, table=tables.read(path), options=importing.Options())


def rows(n: int, *, split: str = "train") -> list[str]:
    return [f"text {split} {k},{'yes' if k % 2 else 'no'},{split}" for k in range(n)]


def ids(store: Store, study: str = "s") -> tuple[int, int]:
    with store() as session:
        home = tasks.study_named(session, study)
        return home.id, tasks.get_task(session, home.id, "t").id


def everything(store: Store) -> dict[str, int]:
    with store() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_an_import_is_undone_and_can_be_brought_in_again(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "a.csv", rows(6))
    bring(store, tmp_path, "wrong.csv", ["text train 0,no,test", "other,yes,test"])
    _, task_id = ids(store)
    with store() as session:
        wrong = trash.imports(session, task_id)[0]

    with store.write() as session:
        left = trash.undo_import(session, wrong.id, now=1.0)

    with store() as session:
        kept = set(session.scalars(select(Sample.text).where(Sample.status == SampleStatus.KEPT)))
    assert left == 2 and kept == {f"text train {k}" for k in range(6)}
    assert bring(store, tmp_path, "wrong.csv", ["text train 0,no,test", "other,yes,test"]).kept == 2
    with store.write() as session, pytest.raises(StudyError, match="undone already"):
        trash.undo_import(session, wrong.id, now=2.0)


def undo(store: Store, file: str) -> None:
    with store.write() as session:
        found = select(Import.id).where(Import.file == file, Import.undone_at.is_(None))
        trash.undo_import(session, session.scalars(found).one(), now=1.0)


def status_of(store: Store, text: str) -> list[tuple[str, str, str | None]]:
    """The split, status and reason of each sample of this text, the oldest first."""
    with store() as session:
        found = select(Sample).where(Sample.text == text).order_by(Sample.id)
        return [(str(row.split), str(row.status), row.reject_reason) for row in session.scalars(found)]


def test_a_text_that_a_later_import_moved_stays_out_when_both_imports_are_undone(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "first.csv", ["alpha,yes,train", "beta,no,train"])
    bring(store, tmp_path, "second.csv", ["alpha,yes,test", "gamma,no,test"])

    undo(store, "first.csv")
    undo(store, "second.csv")

    assert status_of(store, "alpha") == [
        ("train", "rejected", trash.UNDONE),
        ("test", "rejected", trash.UNDONE),
    ]


def test_generated_texts_that_were_never_kept_stay_out_when_an_import_is_undone(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "real.csv", ["alpha,yes,test", *rows(4)])
    bring(store, tmp_path, "made.csv", ["beta,no,train", "delta,yes,train"], arm="zero-shot")
    with store.write() as session:
        like = session.scalars(select(Sample).where(Sample.text == "beta")).one()
        tested = session.scalars(select(Sample.text_hash).where(Sample.text == "alpha")).one()
        leak = {"split": "train", "text": "alpha", "text_hash": tested, "status": "rejected", "created_at": 0.0}
        places = {"arm_id": like.arm_id, "label_id": like.label_id, "reject_reason": samples.LEAK}
        session.execute(insert(Sample), [leak | places, leak | places])
    bring(store, tmp_path, "tested.csv", ["alpha,yes,test", "beta,no,test"], arm="zero-shot")

    undo(store, "tested.csv")

    never_kept = ("train", "rejected", samples.LEAK)
    assert status_of(store, "alpha")[1:] == [never_kept, never_kept, ("test", "rejected", trash.UNDONE)]
    assert status_of(store, "beta") == [("train", "kept", None), ("test", "rejected", trash.UNDONE)]


def test_an_import_that_answers_rest_on_stays(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "a.csv", rows(4))
    study_id, task_id = ids(store)
    with store.write() as session:
        campaign = Campaign(
            study_id=study_id, task_id=task_id, name="c", kind="label", source="", token="x", is_open=False
        )
        session.add(campaign)
        session.flush()
        sample = session.scalars(select(Sample)).first()
        assert sample is not None
        item = Item(campaign_id=campaign.id, external_id="1", sample_id=sample.id)
        rater = Rater(campaign_id=campaign.id, pseudonym="r", kind="person", code="k")
        session.add_all([item, rater])
        session.flush()
        session.add(Rating(item_id=item.id, rater_id=rater.id, label="yes"))
        record = session.scalars(select(Import)).one()

    with store.write() as session, pytest.raises(StudyError, match="depend on the texts of a.csv"):
        trash.undo_import(session, record.id, now=1.0)


def test_an_import_whose_texts_an_open_campaign_compares_stays(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "a.csv", rows(4))
    study_id, task_id = ids(store)
    with store.write() as session:
        campaign = Campaign(study_id=study_id, task_id=task_id, name="c", kind="compare-items", token="x", is_open=True)
        session.add(campaign)
        session.flush()
        left, right, *_ = session.scalars(select(Sample.id).order_by(Sample.id)).all()
        session.add(Item(campaign_id=campaign.id, external_id="1", left_sample_id=left, right_sample_id=right))
        record = session.scalars(select(Import)).one()

    with store.write() as session, pytest.raises(StudyError, match="depend on the texts of a.csv"):
        trash.undo_import(session, record.id, now=1.0)
    with store.write() as session:
        session.get_one(Campaign, campaign.id).is_open = False
        assert trash.undo_import(session, record.id, now=1.0) == 4


def test_a_task_leaves_its_study_and_comes_back_whole(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "a.csv", rows(6))
    study_id, task_id = ids(store)
    before = everything(store)

    with store.write() as session:
        trash.put_task(session, task_id, now=10 * DAY)
    with store() as session:
        assert tasks.tasks(session, study_id) == [] and tasks.find_task(session, study_id, "t") is None
        assert [(one.kind, one.name, one.days_left) for one in trash.listed(session, now=15 * DAY)] == [
            ("task", "t", 25)
        ]
        assert [study.name for study in tasks.studies(session)] == ["s"]
    bring(store, tmp_path, "b.csv", rows(2))
    with store.write() as session:
        name = trash.restore(session, kind="task", id=task_id)

    assert name == "t (2)"
    with store() as session:
        assert {task.name for task in tasks.tasks(session, study_id)} == {"t", "t (2)"}
        arm = session.scalars(select(Arm).where(Arm.task_id == task_id)).one()
        assert len(exporting.rows(session, task=session.get_one(Task, task_id), arm=arm)) == 6
        assert trash.listed(session, now=15 * DAY) == []
    assert everything(store)["sample"] == before["sample"] + 2


def test_a_study_needs_its_name_to_be_put_away_and_its_name_is_free_then(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "a.csv", rows(4))
    study_id, _ = ids(store)
    with store.write() as session, pytest.raises(StudyError, match="Write the name of the study"):
        trash.put_study(session, study_id, name="another", now=0.0)

    with store.write() as session:
        trash.put_study(session, study_id, name="s", now=0.0)
    with store() as session:
        assert tasks.studies(session) == []
    with store.write() as session:
        fresh = tasks.study_named(session, "s")
    with store.write() as session:
        name = trash.restore(session, kind="study", id=study_id)

    assert fresh.id != study_id and name == "s (2)"
    with store.write() as session, pytest.raises(StudyError, match="not in the trash"):
        trash.restore(session, kind="study", id=study_id)


def test_a_study_at_work_is_not_put_away(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "a.csv", rows(4))
    study_id, task_id = ids(store)
    with store.write() as session:
        queue.enqueue(session, title="Train", command=["-m", "core"], key="train:1", slot=Slot.CPU, study_id=study_id)

    with store.write() as session:
        with pytest.raises(StudyError, match="active \\("):
            trash.put_study(session, study_id, name="s", now=0.0)
        with pytest.raises(StudyError, match="active \\("):
            trash.put_task(session, task_id, now=0.0)


def test_a_job_of_a_study_that_was_put_away_finds_no_namesake_and_the_study_again_once_it_is_back(
    store: Store, tmp_path: Path
) -> None:
    bring(store, tmp_path, "a.csv", rows(4))
    old, task_id = ids(store)
    with store.write() as session:
        command = ["-m", "core", "measure", "--study", "s", "--task", "t"]
        job = queue.enqueue(session, title="Measure", command=command, key="k", slot=Slot.CPU, study_id=old)
        job.state = JobState.FAILED

    with store.write() as session:
        trash.put_task(session, task_id, now=1.0)
        trash.put_study(session, old, name="s", now=1.0)
        tasks.study_named(session, "s")
        aside = queue.retry(session, job.id).command
        trash.restore(session, kind="study", id=old)
        trash.restore(session, kind="task", id=task_id)

    assert aside[4::2] == [f"s (in the trash, {old})", f"t (in the trash, {task_id})"]
    with store() as session:
        assert queue.get(session, job.id).command[4::2] == ["s (2)", "t"]


def test_after_thirty_days_what_was_put_away_is_gone_and_the_rest_is_not(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "keep.csv", rows(3), study="keep")
    with_one = everything(store)
    bring(store, tmp_path, "a.csv", rows(6))
    bring(store, tmp_path, "b.csv", rows(2, split="test"))
    study_id, _ = ids(store)
    with store.write() as session:
        trash.put_study(session, study_id, name="s", now=0.0)

    with store.write() as session:
        assert trash.empty(session, now=29 * DAY) == 0
    with store.write() as session:
        assert trash.empty(session, now=31 * DAY) == 1

    assert everything(store) == with_one


@pytest.mark.slow
def test_a_task_is_gone_with_its_study(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, "a.csv", rows(6))
    study_id, task_id = ids(store)
    with store.write() as session:
        trash.put_task(session, task_id, now=0.0)
    with store.write() as session:
        trash.put_study(session, study_id, name="s", now=0.0)
    with store.write() as session, pytest.raises(StudyError, match="in the trash itself"):
        trash.restore(session, kind="task", id=task_id)

    with store.write() as session:
        trash.empty(session, now=31 * DAY)

    with store() as session:
        assert session.scalars(select(Task)).all() == [] and session.scalars(select(Study.is_trash)).all() == [True]


def test_answers_about_other_tasks_stay_if_their_rater_last_saw_a_task_that_is_deleted(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        a, b, c = (
            tasks.make_task(session, study_id=study.id, name=name, question="?", labels={"yes": "", "no": ""})
            for name in "abc"
        )
        campaign = Campaign(study_id=study.id, name="compare", kind="compare", token="x", is_open=False)
        session.add(campaign)
        session.flush()
        gone = Item(campaign_id=campaign.id, external_id="a-b", left_task_id=a.id, right_task_id=b.id)
        kept = Item(campaign_id=campaign.id, external_id="b-c", left_task_id=b.id, right_task_id=c.id)
        session.add_all([gone, kept])
        session.flush()
        rater = Rater(
            campaign_id=campaign.id, pseudonym="r", kind="person", code="k", assigned_item_id=gone.id, assigned_at=1.0
        )
        session.add(rater)
        session.flush()
        session.add(
            Comparison(
                campaign_id=campaign.id, rater_id=rater.id, winner="left", left_task_id=b.id, right_task_id=c.id,
                item_id=kept.id,
            )
        )  # fmt: skip
        trash.put_task(session, a.id, now=0.0)

    with store.write() as session:
        assert trash.empty(session, now=31 * DAY) == 1

    with store() as session:
        assert session.scalars(select(Item.external_id)).all() == ["b-c"]
        assert session.scalars(select(Comparison.item_id)).all() == [kept.id]
        assert session.scalars(select(Rater.assigned_item_id)).all() == [None]


def test_long_names_come_back_from_the_trash_whole(store: Store) -> None:
    long, longest = "n" * 196, "m" * 200
    with store.write() as session:
        study = tasks.study_named(session, long)
        task = tasks.make_task(session, study_id=study.id, name=longest, question="?", labels={"yes": "", "no": ""})
        config = dict(study.config)
        trash.put_task(session, task.id, now=0.0)
        trash.put_study(session, study.id, name=long, now=0.0)

    with store.write() as session:
        assert {one.name for one in trash.listed(session, now=0.0)} == {long, longest}
        assert trash.restore(session, kind="study", id=study.id) == long
        assert trash.restore(session, kind="task", id=task.id) == longest
        assert session.get_one(Study, study.id).config == config
        trash.put_study(session, study.id, name=long, now=0.0)
        tasks.study_named(session, long)
        assert trash.restore(session, kind="study", id=study.id) == f"{long} (2)"


def test_a_run_stays_if_the_study_of_its_job_is_deleted(store: Store) -> None:
    with store.write() as session:
        gone, kept = tasks.study_named(session, "gone"), tasks.study_named(session, "kept")
        task = tasks.make_task(session, study_id=kept.id, name="t", question="?", labels={"yes": "", "no": ""})
        arm = tasks.make_arm(session, task_id=task.id, name="real")
        job = queue.enqueue(session, title="Train", command=["-m", "core"], key="k", slot=Slot.CPU, study_id=gone.id)
        job.state = JobState.DONE
        session.add(Run(arm_id=arm.id, encoder="e", seed=1, n_train=1, config={}, fingerprint="f", job_id=job.id))
        session.flush()
        trash.put_study(session, gone.id, name="gone", now=0.0)

    with store.write() as session:
        trash.empty(session, now=31 * DAY)

    with store() as session:
        assert session.scalars(select(Run.job_id)).all() == [None]


def test_every_reference_that_may_be_empty_says_whether_its_row_goes_with_the_other() -> None:
    """A new one is either what its row is about, and is added here, or is marked as `POINTER`."""
    subjects = {
        "campaign.task_id", "item.sample_id", "item.left_task_id", "item.right_task_id", "item.left_sample_id",
        "item.right_sample_id", "comparison.left_task_id", "comparison.right_task_id", "comparison.left_sample_id",
        "comparison.right_sample_id", "comparison.item_id", "completion.batch_id", "sample.import_id",
        "sample.completion_id", "judgement.label_id", "job.study_id",
    }  # fmt: skip

    columns = [column for table in Base.metadata.sorted_tables for column in table.columns]

    found = {str(column) for column in columns if column.foreign_keys and column.nullable and column.info != POINTER}
    assert found == subjects
