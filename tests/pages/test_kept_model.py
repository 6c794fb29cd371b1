"""Keeping the model of a run on Train: a button queues a training for its weights, and a kept model can be removed."""

from sqlalchemy import select

from core import settings as settings_module
from core.study import tasks
from core.study.rows.study import Job, Run
from core.study.store import Store
from tests import apps
from tests.finished_study import add_runs, make_task


def view() -> None:
    from ui.train.kept import kept_model

    kept_model(1)


def test_a_button_queues_a_training_for_the_weights_and_a_kept_model_is_shown_with_its_size_and_removed(
    home: Store,
) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "small")
        add_runs(session, make_task(session, study, "tone", test_texts=4), {"real": 1.0}, seeds=1)
    page = apps.of_function(view).run()

    page.button(key="run.keep.1").click().run()

    with home() as session:
        job = session.scalars(select(Job)).one()
        assert session.get_one(Run, 1).config["keep"] == "all"
    assert job.title == "Keep the model of run 1" and job.command[-2:] == ["--runs", "1"]
    folder = settings_module.load().models / "run-1"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(3_000_000))
    page.run()
    assert "Kept, 3 MB, in" in page.caption[0].value
    page.button(key="run.remove.1").click().run()
    assert not page.exception and not folder.exists()
    assert page.button(key="run.keep.1")
