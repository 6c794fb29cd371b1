"""Tasks and data: a file of texts is reviewed and imported, with every option of the command `import`."""

import inspect
from pathlib import Path

import pytest
from sqlalchemy import func, select
from streamlit.testing.v1 import AppTest

from core.commands import import_
from core.study import tasks
from core.study.rows.study import Import, Sample
from core.study.store import Store
from tests.pages.test_pages import fill, opened

ON_THE_PAGE = {
    "file": "data.file",
    "task": "data.task",
    "arm": "data.arm",
    "split": "data.split",
    "text": "data.text",
    "label": "data.label",
    "split_column": "data.split_column",
    "where": "data.where",
    "header": "data.file.header.",
    "question": "data.question",
    "rename": "data.renames",
    "fold": "data.fold",
    "keep_labels": "data.keep_labels",
    "drop_several": "data.drop_several",
    "cut": "data.cut",
}
OF_A_TERMINAL = {
    "context",
    "check",
    "study",
    "as_json",
}  # the page always shows the findings first, for the study in hand


def uploaded(app: AppTest, content: str, name: str = "f.csv") -> AppTest:
    app.file_uploader(key="data.file").set_value((name, content.encode(), "text/csv")).run()
    assert not app.exception, app.exception[0].value
    return app


def said(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*app.text, *app.warning, *app.info, *app.error)).replace(
        "\\", ""
    )


def keys(app: AppTest) -> set[str]:
    kinds = ("selectbox", "text_input", "text_area", "checkbox", "multiselect", "button_group", "file_uploader")
    return {str(widget.key) for kind in kinds for widget in app.get(kind)}


@pytest.mark.slow
def test_every_option_of_the_command_import_is_on_the_page(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "data")

    uploaded(app, "text,label\none,yes\ntwo,no\n")
    for_known = keys(app.selectbox(key="data.task").select("urgency").run())
    for_new = keys(app.selectbox(key="data.task").select("A new task").run())

    assert set(inspect.signature(import_.bring_in).parameters) == {*ON_THE_PAGE, *OF_A_TERMINAL}
    shown = for_known | for_new
    assert [key for key in ON_THE_PAGE.values() if not any(one.startswith(key) for one in shown)] == []


@pytest.mark.slow
def test_texts_that_the_task_holds_are_told_before_anything_is_stored(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "data")

    uploaded(
        app, "text,label,split\ntext number 0,no,train\ntext number 1,no,train\ntext number 2,no,train\nnew,yes,train\n"
    )
    app.selectbox(key="data.task").select("urgency").run()
    app.selectbox(key="data.arm").select("real").run()

    assert "4 rows, 1 will be kept" in said(app)
    assert "Already in the arm, with the same label in the same split: 1 row, left out" in said(app)
    assert "Already in the arm with another label: 1 row" in said(app)
    assert "Already in the test split of the arm, so training on them would be a leak: 1 row" in said(app)
    app.button(key="data.import").click().run()
    assert "1 of 4 rows kept" in app.success[0].value


@pytest.mark.slow
def test_a_new_task_with_the_name_of_another_one_is_not_brought_in(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "data")

    uploaded(app, "text,label\none,yes\ntwo,no\n")
    app.selectbox(key="data.task").select("A new task").run()
    assert not app.button(key="data.import").disabled
    app.text_input(key="data.name.f").set_value("urgency").run()

    assert "This study has a task “urgency” already" in said(app)
    assert app.button(key="data.import").disabled


@pytest.mark.slow
def test_a_file_without_names_of_columns_is_asked_about_and_loses_no_row(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "data")

    uploaded(app, "so dull,no\nfine,yes\nthe rest was fine,no\n")
    assert "Say what the first row is" in said(app) and "data.text" not in keys(app)

    next(group for group in app.get("button_group") if "header" in str(group.key)).set_value("Is a text already").run()
    app.selectbox(key="data.text").select("column 1").run()
    app.selectbox(key="data.label").select("column 2").run()
    app.selectbox(key="data.task").select("urgency").run()
    app.selectbox(key="data.arm").select("zero-shot").run()
    app.button(key="data.import").click().run()
    assert "3 of 3 rows kept" in app.success[0].value


def test_the_form_for_the_hub_shares_no_key_with_the_options_of_the_import(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "data")

    app.segmented_control(key="data.place").set_value("The Hugging Face hub").run()

    assert {"data.source", "data.hub_split"} <= keys(app)
    assert not keys(app) & set(ON_THE_PAGE.values())


@pytest.mark.slow
def test_rows_labels_and_splits_by_other_names_are_brought_in_as_asked(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    study = fill(home, tmp_path)
    opened(app, "data")

    uploaded(app, "text,label,lang,for\none,Y,en,train\ntwo,N,en,test\ndrei,N,de,train\nfour,N,en,train\n")
    app.selectbox(key="data.task").select("urgency").run()
    app.selectbox(key="data.arm").select("real").run()
    app.selectbox(key="data.split_column").select("for").run()
    app.multiselect(key="data.where").select("lang").run()
    app.selectbox(key="data.where.lang").select("en").run()
    app.text_area(key="data.renames").set_value("Y = yes\nN=no").run()
    assert "Rows left out because they do not have the values chosen above: 1." in said(app)
    app.button(key="data.import").click().run()

    with home() as session:
        task = tasks.get_task(session, study.id, "urgency")
        record = session.scalars(select(Import).order_by(Import.id.desc())).first()
        assert record is not None and (record.read, record.kept) == (3, 3)
        splits = select(Sample.split, func.count()).where(Sample.import_id == record.id).group_by(Sample.split)
        assert dict(session.execute(splits).all()) == {"train": 2, "test": 1}
        assert task.id and record.options["where"] == {"lang": "en"} and record.options["split_column"] == "for"


@pytest.mark.slow
def test_a_refusal_is_told_before_import_can_be_pressed(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "data")

    uploaded(app, 'text,label\none,"[""yes"", ""no""]"\ntwo,no\n')
    app.selectbox(key="data.task").select("urgency").run()
    app.selectbox(key="data.arm").select("zero-shot").run()

    assert "hold several labels" in said(app) and "third box" in said(app)
    assert app.button(key="data.import").disabled
    app.checkbox(key="data.drop_several").check().run()
    assert not app.button(key="data.import").disabled


@pytest.mark.slow
def test_after_the_import_of_a_new_task_the_meanings_of_its_labels_are_asked_for(
    app: AppTest, home: Store, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "data")
    rows = "\n".join(f"letter {n},{'glad' if n % 2 else 'sad'}" for n in range(20))
    uploaded(app, f"text,label\n{rows}", "post_cards.csv")
    app.selectbox(key="data.task").select("A new task").run()

    app.button(key="data.import").click().run()

    assert not app.exception, app.exception[0].value
    open_cards = [box.label.replace("\\", "") for box in app.expander if box.proto.expanded]
    assert open_cards == ["post cards: 2 of 2 labels have no meaning yet"]
