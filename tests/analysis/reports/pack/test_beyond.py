"""What the pack's study file asks for: the very runs of the comparison and of a learning curve, and kept models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis import findings
from core.analysis.reports.pack import pack
from core.settings import Settings
from core.steps import study_file, study_intake
from core.steps.trained import curve
from core.study import checks, tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Run, Sample, Study
from core.study.splits import equal_texts
from core.study.store import Store
from core.training import plan
from core.training.curve import CurveRequest, plan_curve
from core.training.settings import training_settings
from tests.analysis.reports.pack.test_pack import elsewhere, no_browser  # noqa: F401  (fixtures)
from tests.finished_study import LABELS, make_task
from tests.texts import keep_new

pytestmark = pytest.mark.slow

SETTINGS = {"passes": 3.0, "least_steps": 5, "batch_size": 8}


@pytest.fixture
def study(store: Store) -> Study:
    """A study of one task: 24 real training texts, the first of weight 2, and 12 synthetic ones."""
    with store.write() as session:
        made = tasks.study_named(session, "curved")
        made.config = {"encoders": ["minilm"], "seeds": [0, 1], "training": SETTINGS | {"sample_weights": "column"}}
        task = make_task(session, made, "t", arms=["zero-shot"], test_texts=8)
        ids = {label.name: label.id for label in tasks.labels_of(session, task.id)}
        for name, n in (("real", 24), ("zero-shot", 12)):
            arm, texts = tasks.get_arm(session, task, name), [f"{name} for training {place}" for place in range(n)]
            keep_new(session, [
                Sample(arm_id=arm.id, label_id=ids[LABELS[place % 2]], split=Split.TRAIN, text=text, text_hash=equal_texts.text_hash(text),
                       weight=2.0 if place == 0 else None)
                for place, text in enumerate(texts)
            ])  # fmt: skip
    return made


def train(session: Session, study: Study, request: CurveRequest, *, seeds: Sequence[int], passes: float = 3.0) -> None:
    """Plan a learning curve and call its runs finished."""
    task = tasks.get_task(session, study.id, "t")
    settings = training_settings(SETTINGS | {"sample_weights": "column", "passes": passes})
    made = plan_curve(session, task=task, request=request, encoders=["minilm"], seeds=seeds, settings=settings)
    for run in made.new:
        run.finished_at = 1.0


def written(store: Store, folder: Path) -> tuple[dict[str, Any], list[str]]:
    with store() as session:
        study = session.scalars(select(Study)).one()
        made = pack.write(session, findings.collect(session, study), folder)
    return yaml.safe_load((folder / "study.yaml").read_text()), list(made.notes)


def fingerprints(session: Session) -> set[tuple[str, int, int | None, int, str]]:
    runs = session.execute(
        select(Arm.name, Run.n_train, Run.n_real, Run.seed, Run.fingerprint).join(Arm, Arm.id == Run.arm_id)
    )
    return {tuple(row) for row in runs}


@pytest.mark.usefixtures("no_browser")
def test_the_study_file_trains_the_very_runs_of_the_learning_curve_again(
    store: Store,
    study: Study,
    tmp_path: Path,
    elsewhere: tuple[Settings, Store],  # noqa: F811
) -> None:
    with store.write() as session:
        train(session, study, CurveRequest([0, 6, None], ["zero-shot"], synthetic=10), seeds=[0, 1, 2], passes=4.0)
        known = fingerprints(session)

    content, notes = written(store, tmp_path / "pack")

    asked = {"sizes": [0, 6, 24], "with": ["zero-shot"], "synthetic": 10, "seeds": [0, 1, 2], "passes": 4.0}
    assert content["tasks"]["t"]["curve"] == asked and not [note for note in notes if "learning curve" in note]
    other, again = elsewhere
    request = study_intake.request_of(checks.read(tmp_path / "pack" / "study.yaml"), seeds=None)
    with again.write() as session:
        imported = study_file.import_study(session, other, request)
        assert imported.study is not None, imported.problems
        runs = curve.of_file(request.spec.tasks["t"].curve, request)
        assert runs is not None
        task = tasks.get_task(session, imported.study.id, "t")
        plan_curve(
            session, task=task, request=runs.points, encoders=runs.encoders, seeds=runs.seeds, settings=runs.training
        )
        redone = fingerprints(session)
    assert redone == known and len(known) == 3 * 5


@pytest.mark.usefixtures("no_browser")
def test_curves_that_one_entry_cannot_say_are_named(store: Store, study: Study, tmp_path: Path) -> None:
    with store.write() as session:
        train(session, study, CurveRequest([6, 12, 24], []), seeds=[0, 1])
        train(session, study, CurveRequest([6], []), seeds=[0], passes=9.0)

    content, notes = written(store, tmp_path / "pack")

    assert content["tasks"]["t"]["curve"] == {"sizes": [6, 12, 24]}
    assert "t: 1 run of a learning curve with other settings; study.yaml leaves such runs out." in notes


@pytest.mark.usefixtures("no_browser")
@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ([{"keep": "best"}] * 4, "best"), ([{"keep": "all"}] * 4, "all"), ([{}] * 4, None),
        ([{"keep": "all", "best_of_seeds": True}, {}, {}, {}], "best"), ([{"keep": "all"}, {}, {}, {}], None),
    ],
    ids=["best", "all", "none", "best after the training", "one by hand"],
)  # fmt: skip
def test_kept_models_are_asked_for_as_they_were_kept(
    store: Store, study: Study, tmp_path: Path, kept: list[dict[str, Any]], asked: str | None
) -> None:
    with store.write() as session:
        task = tasks.get_task(session, study.id, "t")
        made = plan.plan(
            session, task=task, arms=tasks.arms(session, task.id), encoders=["minilm"], seeds=[0, 1],
            settings=training_settings(SETTINGS),
        )  # fmt: skip
        for run, own in zip(made.new, kept, strict=True):
            run.finished_at, run.config = 1.0, run.config | own

    content, notes = written(store, tmp_path / "pack")

    assert content.get("keep_models") == asked
    by_hand = "1 model kept one by one: study.yaml asks for none of them; keep them again with models keep RUN."
    assert (by_hand in notes) == (asked is None and any(kept))


def compare(session: Session, study: Study, *, seeds: Sequence[int], **changes: Any) -> None:
    """Plan the comparison of the study's task with other settings, as the page Train does, and call its runs finished."""
    task = tasks.get_task(session, study.id, "t")
    settings = training_settings({"batch_size": 8, **changes})
    arms, chosen = tasks.arms(session, task.id), ["bert-base-uncased"]
    for run in plan.plan(session, task=task, arms=arms, encoders=chosen, seeds=seeds, settings=settings).new:
        run.finished_at = 1.0


@pytest.mark.usefixtures("no_browser")
def test_the_study_file_trains_the_comparison_as_it_was_trained(
    store: Store,
    study: Study,
    tmp_path: Path,
    elsewhere: tuple[Settings, Store],  # noqa: F811
) -> None:
    with store.write() as session:
        compare(session, study, seeds=[0, 7, 8], passes=4.0, learning_rate=1e-4, per_label=3)
        known = fingerprints(session)

    content, notes = written(store, tmp_path / "pack")

    assert (content["encoders"], content["seeds"]) == (["bert-base-uncased"], [0, 7, 8])
    assert content["training"]["passes"] == 4.0 and content["tasks"]["t"]["train_size"] == 6
    assert not [note for note in notes if "study.yaml" in note]
    other, again = elsewhere
    request = study_intake.request_of(checks.read(tmp_path / "pack" / "study.yaml"), seeds=None)
    with again.write() as session:
        imported = study_file.import_study(session, other, request)
        assert imported.study is not None, imported.problems
        task = tasks.get_task(session, imported.study.id, "t")
        plan.plan(
            session, task=task, arms=tasks.arms(session, task.id), encoders=request.spec.encoders, seeds=request.seeds,
            settings=request.training,
        )  # fmt: skip
        assert fingerprints(session) == known and len(known) == 2 * 3


@pytest.mark.usefixtures("no_browser")
def test_runs_that_one_study_file_cannot_say_are_told_in_the_notes(store: Store, study: Study, tmp_path: Path) -> None:
    with store.write() as session:
        compare(session, study, seeds=[0, 1], passes=4.0)
        compare(session, study, seeds=[0], passes=300.0)
        session.delete(session.scalars(select(Run).where(Run.seed == 1)).first())

    content, notes = written(store, tmp_path / "pack")

    assert content["training"]["passes"] == 4.0 and content["seeds"] == [0, 1]
    assert "2 runs of the comparison with other settings; study.yaml leaves such runs out." in notes
    assert any("with each encoder and seed, 4 runs; 3 of them have finished" in note for note in notes)
