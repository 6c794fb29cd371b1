"""A gap is walked back to its runs, the texts of its arm, and the prompt versions or files that these came from."""

from pathlib import Path

import pandas as pd
from sqlalchemy import select

from core.analysis import provenance
from core.analysis.provenance import Provenance
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.study import Run, Study
from core.study.store import Store
from core.training import runs
from tests.finished_study import add_runs, make_task
from tests.rated_study import add_generated


def of(store: Store, study: Study, arm: str, encoder: str = "minilm") -> Provenance:
    with store() as session:
        task = tasks.get_task(session, study.id, "t")
        scores = runs.scores(session, study.id)
        return provenance.of_gap(session, scores, task=task, arm=tasks.get_arm(session, task, arm), encoder=encoder)


def studied(store: Store) -> Study:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        task = make_task(session, study, "t", arms=["zero-shot", "few-shot"], test_texts=20)
        for encoder in ("minilm", "bert"):
            add_runs(session, task, {"real": 0.9, "zero-shot": 0.7, "few-shot": 0.8}, seeds=2, encoder=encoder)
        add_generated(session, task, "zero-shot", texts=6)
    return study


def test_a_gap_has_the_runs_of_both_arms_with_its_encoder_and_texts_of_every_label(store: Store) -> None:
    found = of(store, studied(store), "zero-shot", "bert")

    assert found.runs[["arm", "seed"]].to_numpy().tolist() == [
        ["real", 0],
        ["real", 1],
        ["zero-shot", 0],
        ["zero-shot", 1],
    ]
    assert found.settings == "steps 100, version 2" and found.n_texts == 6
    assert found.texts["label"].tolist() == ["yes", "yes", "no", "no"] and set(found.texts["version"]) == {"1"}
    assert [(prompt.version, n) for prompt, n in found.prompts] == [(1, 6)] and found.files == {}


def test_imported_texts_name_their_file_and_an_arm_without_texts_says_so(store: Store, tmp_path: Path) -> None:
    study = studied(store)
    path = tmp_path / "made.csv"
    pd.DataFrame({"text": ["a new text", "another one"], "label": ["yes", "no"]}).to_csv(path, index=False)
    empty = of(store, study, "few-shot")
    with store.write() as session:
        task = tasks.get_task(session, study.id, "t")
        arm = tasks.get_arm(session, task, "few-shot")
        importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())

    found = of(store, study, "few-shot")

    assert (empty.n_texts, empty.files, empty.prompts, len(empty.texts)) == (0, {}, (), 0)
    assert found.files == {"made.csv": 2} and found.n_texts == 2 and (found.texts["version"] == "").all()


def test_runs_that_the_gap_is_not_measured_by_are_not_listed(store: Store) -> None:
    study = studied(store)
    with store.write() as session:
        task = tasks.get_task(session, study.id, "t")
        before = set(session.scalars(select(Run.id)))
        add_runs(session, task, {"real": 0.6, "zero-shot": 0.5}, seeds=1, steps=101)
        for run in session.scalars(select(Run).where(Run.id.not_in(before))):
            run.n_train, run.config = 50, run.config | {"training": {"steps": 100}}

    assert of(store, study, "zero-shot").runs["n_train"].tolist() == [100] * 4
