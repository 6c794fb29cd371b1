"""Tasks and data: the arm that is proposed for a file, files without test texts, and what stands there after an import."""

from pathlib import Path

import pytest
from sqlalchemy import func, select
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import SampleStatus
from core.study.rows.study import Sample, Study
from core.study.store import Store
from tests.pages.test_import_page import said, uploaded
from tests.pages.test_pages import fill, opened

pytestmark = pytest.mark.slow

TRAIN_ONLY = "text,label,split\n" + "\n".join(f"letter {n},{('yes', 'no')[n % 2]},train" for n in range(80))


@pytest.fixture
def empty_task(home: Store) -> Study:
    with home.write() as session:
        study = tasks.study_named(session, "letters")
        tasks.make_task(session, study_id=study.id, name="kind", question="Kind?", labels={"yes": "", "no": ""})
    return study


def splits(store: Store) -> dict[str, int]:
    with store() as session:
        kept = select(Sample.split, func.count()).where(Sample.status == SampleStatus.KEPT).group_by(Sample.split)
        return dict(session.execute(kept).all())


def train_only(app: AppTest) -> None:
    """Open Data and upload a file of training texts alone for the task `kind`."""
    opened(app, "data")
    uploaded(app, TRAIN_ONLY)
    app.selectbox(key="data.task").select("kind").run()


def test_a_file_of_a_task_without_real_texts_is_proposed_as_real_texts(app: AppTest, empty_task: Study) -> None:
    train_only(app)

    assert app.selectbox(key="data.arm").value == "real"


def test_no_arm_is_proposed_for_a_task_with_real_texts_unless_the_file_names_one(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "data")

    uploaded(app, TRAIN_ONLY)
    app.selectbox(key="data.task").select("urgency").run()
    assert app.selectbox(key="data.arm").value is None
    assert app.button(key="data.import").disabled
    uploaded(app, TRAIN_ONLY, "mail.few_shot.csv")
    app.selectbox(key="data.task").select("A new task").run()
    app.selectbox(key="data.task").select("urgency").run()

    assert app.selectbox(key="data.arm").value == "few-shot"


def test_a_file_without_test_texts_says_so_and_its_split_can_be_drawn(
    app: AppTest, home: Store, empty_task: Study
) -> None:
    train_only(app)
    assert "No real text of this task would be for testing (train 80)" in said(app)
    app.button(key="data.draw").click().run()
    assert "would be for testing" not in said(app)
    app.button(key="data.import").click().run()

    assert not app.exception, app.exception[0].value
    found = splits(home)
    assert sum(found.values()) == 80 and found["test"] > 8


def test_after_an_import_the_form_is_empty_and_undo_takes_the_words_back(
    app: AppTest, home: Store, empty_task: Study
) -> None:
    train_only(app)
    app.button(key="data.import").click().run()

    assert "80 of 80 rows kept in kind" in app.success[0].value
    assert "Nothing is stored yet" not in said(app)
    assert "data.preview" not in {frame.key for frame in app.dataframe}
    app.button(key="data.undo").click().run()

    assert not app.exception, app.exception[0].value
    assert splits(home) == {}
    assert not app.success
    assert "80" not in str([frame.value for frame in app.dataframe])


def test_a_file_in_place_of_another_begins_with_its_own_split_and_arm(
    app: AppTest, home: Store, empty_task: Study
) -> None:
    train_only(app)
    app.button(key="data.draw").click().run()
    assert app.selectbox(key="data.split").value != "as in the file, or drawn"

    uploaded(app, "text,label,split\na b c,yes,test\nd e f,no,test\n", "kind.zero_shot.csv")

    assert app.selectbox(key="data.split").value == "as in the file, or drawn"
    assert app.selectbox(key="data.arm").value == "zero-shot"
    assert app.selectbox(key="data.task").value == "kind"


def test_undo_takes_back_this_import_and_no_newer_one(
    app: AppTest, home: Store, empty_task: Study, tmp_path: Path
) -> None:
    train_only(app)
    app.button(key="data.import").click().run()
    path = tmp_path / "other.csv"
    path.write_text("text,label,split\nquite another text,yes,test\n")
    with home.write() as session:
        task = tasks.get_task(session, empty_task.id, "kind")
        real = tasks.get_arm(session, task, "real")
        importing.bring_in(session, task=task, arm=real, table=tables.read(path), options=importing.Options())

    app.button(key="data.undo").click().run()

    assert splits(home) == {"test": 1}
