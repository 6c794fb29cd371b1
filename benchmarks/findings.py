"""How quickly findings are read: 10 tasks, 600 runs, 1,000,000 predictions and 100,000 ratings on SQLite.

    python -m benchmarks.findings [--texts 1667] [--profile]

Builds the database in a temporary folder. For every part of the findings it prints the seconds and processor seconds (least of
three calls, each of which computes everything anew) and the ratio of the latter to what pandas takes to read the same predictions or
ratings; then the seconds of the page Analyse at the server (`AppTest`), each view cold (nothing cached) and warm (a second run).
"""

import argparse
import cProfile
import os
import pstats
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from core import settings as settings_module
from core.analysis import findings, gap_table
from core.analysis.figures import gap_charts
from core.analysis.planning import measured
from core.analysis.points import Metric
from core.analysis.reports import report
from core.study import state, tasks
from core.study import store as store_module
from core.study.rows.base import Base
from core.study.rows.kinds import CampaignKind, RaterKind, Split
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.rows.study import Prediction, Run, Sample, Study
from core.study.splits import equal_texts
from core.subjectivity import levels
from core.training import runs

ROOT = Path(__file__).parents[1]
TASKS, ENCODERS, SEEDS, RATERS, COMPARISONS = 10, 3, 5, 6, 310
ARMS = {"real": 0.0, "zero-shot": 0.12, "few-shot": 0.06, "mixed": 0.02}  # points that each loses on the middle task
LABELS = ("yes", "no")
WANTED_S = {"all gaps with intervals": 2.0, "a verdict": 0.1}
PREDICTIONS = "SELECT run_id, sample_id, label_id FROM prediction"
RATINGS = "SELECT item_id, rater_id, label FROM rating"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1667, help="test texts of each task, all of them rated")
    parser.add_argument(
        "--profile", action="store_true", help="print where the collection of the findings spends its time"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = store_module.open_store(settings_module.load({"LITMUS_HOME": folder}))
        with store.write() as session:
            study = build(session, asked.texts)
        database = Path(folder) / "litmus.db"
        base = {name: least(lambda query=query: read(database, query)) for name, query in _queries()}
        print(f"{'':44}{'seconds':>10}{'processor':>10}{'ratio':>8}")
        for name, (seconds, own) in base.items():
            print(f"{f'pandas reads all {name}':44}{seconds:10.3f}{own:10.3f}{1:8.2f}")
        with store() as session:
            if asked.profile:
                profiled(lambda: findings.collect(session, study))
            for name, beside, call in _parts(session, study):
                seconds, own = least(call)
                wanted = f"   wanted under {WANTED_S[name]:g} s" if name in WANTED_S else ""
                print(f"{name:44}{seconds:10.3f}{own:10.3f}{own / base[beside][1]:8.2f}{wanted}")
        store.close()
        _pages(folder)


def build(session: Session, texts: int) -> Study:
    """A study with runs of every task, arm, encoder and seed, ratings of every test text and comparisons of the tasks."""
    rng = np.random.default_rng(0)
    study = tasks.study_named(session, "large")
    made = []
    for number in range(TASKS):
        task = tasks.make_task(
            session, study_id=study.id, name=f"task {number}", question="?", labels=dict.fromkeys(LABELS, "")
        )
        made.append(task.id)
        arms = {name: tasks.make_arm(session, task_id=task.id, name=name).id for name in ARMS}
        labels = np.array([label.id for label in tasks.labels_of(session, task.id)])
        truth = np.arange(texts) % 2
        ids = _texts(session, arms["real"], number, labels[truth])
        _rated(session, rng, study.id, task.id, ids, truth, noise=0.05 + 0.03 * number)
        for arm, lost in ARMS.items():
            _trained(session, rng, arms[arm], ids, labels, truth, right=0.9 - lost * (0.5 + number / TASKS))
    _compared(session, rng, study.id, made)
    return study


def _texts(session: Session, arm_id: int, task: int, labels: np.ndarray) -> np.ndarray:
    words = [f"text {number} of task {task}" for number in range(len(labels))]
    rows = [
        {
            "arm_id": arm_id,
            "label_id": int(label),
            "split": Split.TEST,
            "text": text,
            "text_hash": equal_texts.text_hash(text),
        }
        for text, label in zip(words, labels, strict=True)
    ]
    _insert(session, Sample, rows)
    return np.array(session.scalars(select(Sample.id).where(Sample.arm_id == arm_id).order_by(Sample.id)).all())


def _trained(
    session: Session, rng: np.random.Generator, arm_id: int, ids: np.ndarray, labels: np.ndarray, truth: np.ndarray,
    *, right: float,
) -> None:  # fmt: skip
    for encoder in range(ENCODERS):
        for seed in range(SEEDS):
            run = Run(
                arm_id=arm_id, encoder=f"encoder-{encoder}", seed=seed, n_train=600,
                config={"training": {"steps": 100}, "test": "t"}, facts={"seconds": 60.0, "loss": [[1, 0.7], [100, 0.2]]},
                fingerprint=f"{encoder} {seed}", finished_at=1.0,
            )  # fmt: skip
            session.add(run)
            session.flush()
            hit = rng.random(len(ids)) < right + rng.normal() * 0.01
            answers = labels[np.where(hit, truth, 1 - truth)]
            rows = [
                {
                    "run_id": run.id,
                    "sample_id": int(sample),
                    "label_id": int(label),
                    "probability": 0.9,
                    "created_at": 1.0,
                }
                for sample, label in zip(ids, answers, strict=True)
            ]
            _insert(session, Prediction, rows)


def _rated(
    session: Session, rng: np.random.Generator, study_id: int, task_id: int, ids: np.ndarray, truth: np.ndarray,
    *, noise: float,
) -> None:  # fmt: skip
    campaign = _campaign(session, study_id, f"labels of task {task_id}", CampaignKind.LABEL, task_id)
    raters = _raters(session, campaign.id, 10 * RATERS)
    _insert(
        session,
        Item,
        [{"campaign_id": campaign.id, "external_id": str(sample), "sample_id": int(sample)} for sample in ids],
    )
    items = session.scalars(select(Item.id).where(Item.campaign_id == campaign.id).order_by(Item.id)).all()
    answers = np.where(rng.random((RATERS, len(ids))) < noise, 1 - truth, truth)
    rows = [
        {"item_id": item, "rater_id": raters[place + RATERS * (number % 10)], "label": LABELS[answers[place, number]]}
        for number, item in enumerate(items)
        for place in range(RATERS)
    ]
    _insert(session, Rating, rows)


def _compared(session: Session, rng: np.random.Generator, study_id: int, task_ids: list[int]) -> None:
    campaign = _campaign(session, study_id, "tasks", CampaignKind.COMPARE, None)
    raters = _raters(session, campaign.id, COMPARISONS // 10)
    for number in range(COMPARISONS):
        left, right = rng.choice(TASKS, 2, replace=False)
        wins = rng.random() < 1 / (1 + np.exp(0.4 * (right - left)))
        session.add(
            Comparison(
                campaign_id=campaign.id, rater_id=raters[number // 10], winner="left" if wins else "right",
                left_task_id=task_ids[left], right_task_id=task_ids[right],
            )
        )  # fmt: skip
    session.flush()


def _insert(session: Session, table: type[Base], rows: list[dict[str, object]]) -> None:
    session.execute(insert(table), [{"created_at": 1.0, **row} for row in rows])


def _campaign(session: Session, study_id: int, name: str, kind: CampaignKind, task_id: int | None) -> Campaign:
    campaign = Campaign(study_id=study_id, name=name, kind=kind, token=name, task_id=task_id, source="benchmark")
    session.add(campaign)
    session.flush()
    return campaign


def _raters(session: Session, campaign_id: int, n: int) -> list[int]:
    names = [f"{campaign_id}-{number}" for number in range(n)]
    made = [Rater(campaign_id=campaign_id, pseudonym=name, kind=RaterKind.IMPORTED, code=name) for name in names]
    session.add_all(made)
    session.flush()
    return [rater.id for rater in made]


def _queries() -> list[tuple[str, str]]:
    return [("predictions", PREDICTIONS), ("ratings", RATINGS)]


def read(database: Path, query: str) -> pd.DataFrame:
    """What a query returns, read by pandas over the plain driver."""
    with sqlite3.connect(database) as connection:
        return pd.read_sql_query(query, connection)


def _parts(session: Session, study: Study) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Name, what it is measured beside, and the call of every part of the findings."""
    found = findings.collect(session, study)
    shown = report.over_agreement(session, found, "task 3")
    figure = gap_charts.gap_against_subjectivity
    yield "stamp of the stored rows", "predictions", lambda: state.stamp(session)
    yield "scores of all runs", "predictions", lambda: runs.scores(session, study.id)
    yield "answers of all runs", "predictions", lambda: runs.answers(session, study.id)
    yield "all gaps with intervals", "predictions", lambda: _all_gaps(session, study.id)
    yield "measures of subjectivity", "ratings", lambda: levels.measures(session, study)
    for measure in (levels.Measure.COMPARISONS, levels.Measure.RATINGS):
        yield f"subjectivity by {measure}", "ratings", lambda measure=measure: levels.by_task(session, study, measure)
    yield "findings, all", "predictions", lambda: findings.collect(session, study)
    yield (
        "figure of gaps over subjectivity", "predictions",
        lambda: figure(found.points, found.fit, measure="comparisons", metric=Metric.MACRO_F1),
    )  # fmt: skip
    yield "samples of a task over agreement", "ratings", lambda: report.over_agreement(session, found, "task 3")
    yield "figure of samples over agreement", "ratings", lambda: gap_charts.threshold_curves(shown.curves)
    yield "a verdict", "predictions", lambda: findings.verdict_on(session, found, "task 3")
    yield "numbers of a plan", "predictions", lambda: measured.inputs_of(session, found)
    yield "report", "predictions", lambda: report.render(session, found)


def _all_gaps(session: Session, study_id: int) -> gap_table.GapTable:
    """Every gap of a study, read and computed."""
    answered = runs.answers(session, study_id)
    return gap_table.of_runs(runs.scores(session, study_id, answered=answered), answered, metric=Metric.MACRO_F1)


def _pages(home: str) -> None:
    """Print the seconds of each view of the page Analyse at the server, cold and warm."""
    os.environ["LITMUS_HOME"] = home
    alone = Path(home) / "app" / "app.py"
    alone.parent.mkdir()
    shutil.copy(ROOT / "app.py", alone)
    app = AppTest.from_file(str(alone), default_timeout=600).run()
    app.switch_page(str(ROOT / "pages" / "analyse.py")).run()
    for view in ("Points", "Tasks", "Samples", "Report"):
        app.segmented_control(key="analyse.view").set_value(view)
        st.cache_data.clear()
        for state_of_cache, times in (("cold", 1), ("warm", 3)):
            seconds, own = least(app.run, times=times)
            print(f"{f'page Analyse, {view}, {state_of_cache}':44}{seconds:10.3f}{own:10.3f}")
        assert not app.exception, app.exception[0].value


def least(call: Callable[[], object], *, times: int = 3) -> tuple[float, float]:
    """The seconds of the quickest of some calls, and the least processor seconds."""
    seconds, of_processor = [], []
    for _ in range(times):
        started = time.perf_counter(), time.process_time()
        call()
        seconds.append(time.perf_counter() - started[0])
        of_processor.append(time.process_time() - started[1])
    return min(seconds), min(of_processor)


def profiled(call: Callable[[], object]) -> None:
    """Print the twenty-five functions in which a call spends most time, counting what they call."""
    profile = cProfile.Profile()
    profile.runcall(call)
    pstats.Stats(profile).sort_stats("cumulative").print_stats(25)


if __name__ == "__main__":
    main()
