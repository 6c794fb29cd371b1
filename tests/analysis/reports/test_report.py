"""The report as one HTML file: what it pulls out, and how its tables read."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis import findings, score_rows
from core.analysis.reports import report
from core.analysis.reports.pack import methods, tables
from core.study import tasks
from core.study.rows.study import Run, Study
from core.study.store import Store
from tests.finished_study import add_runs, make_task
from tests.rated_study import add_ratings


@pytest.mark.slow
def test_a_report_of_two_tasks_pulls_out_no_missing_line_and_its_tables_have_plain_headings(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        for name in ("news", "tone"):
            task = make_task(session, study, name, arms=["zero-shot"])
            add_runs(session, task, {"real": 0.95, "zero-shot": 0.7})
            add_ratings(session, task, noise=0.3)
        html = report.render(session, findings.collect(session, study))

    assert "<p>Regression needs at least 3 tasks" in html and html.count('<p class="reading">') == 1
    assert "<th>Points lost [95 % interval]</th>" in html and "<th>Share of the commonest label</th>" in html
    assert "<th>commonest</th>" not in html and "<th>Level</th>" not in html and "<td>1.000</td>" not in html


def at_two_sizes(session: Session) -> Study:
    """A study whose real arm was trained on 100 and on 600 texts, zero-shot on 600 and few-shot on 100."""
    study = tasks.study_named(session, "s")
    task = make_task(session, study, "tone", arms=["zero-shot", "few-shot"])
    add_runs(session, task, {"real": 0.95, "zero-shot": 0.8}, seeds=4)
    for run in session.scalars(select(Run)):
        run.n_train, run.fingerprint = 600, f"{run.fingerprint} 600"
    session.flush()
    add_runs(session, task, {"real": 0.7, "few-shot": 0.65})
    return study


@pytest.mark.slow
def test_runs_of_other_sizes_stand_in_rows_of_their_own_and_a_gap_beside_the_runs_it_is_measured_by(
    store: Store,
) -> None:
    with store.write() as session:
        found = findings.collect(session, at_two_sizes(session))
        rows = score_rows.of_study(found).set_index(["arm", "n_train"])
        printed = {table.name: table for table in tables.of_study(session, found)}["scores"]
        html = report.render(session, found)
        said = methods.of_study(session, found).training

    assert rows["seeds"].to_dict() == {("real", 100): 3, ("real", 600): 4, ("few-shot", 100): 3, ("zero-shot", 600): 4}
    assert set(rows.dropna(subset=["gap"]).index) == {("few-shot", 100), ("zero-shot", 600)}
    for arm, size in (("few-shot", 100), ("zero-shot", 600)):
        lost = rows.loc[("real", size), "macro_f1"] - rows.loc[(arm, size), "macro_f1"]
        assert lost == pytest.approx(rows.loc[(arm, size), "gap"], abs=1e-12)
    assert sorted(row[1:5] for row in printed.rows if row[1] == "real") == [
        ("real", "minilm", "3", "100"), ("real", "minilm", "4", "600"),
    ]  # fmt: skip
    assert score_rows.SEVERAL in printed.caption and score_rows.SEVERAL in html
    assert "tone 100 or 600 (arms are compared on equal numbers of texts)" in said


def test_an_arm_under_the_same_conditions_is_one_row_and_nothing_is_said_of_conditions(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        add_runs(session, make_task(session, study, "tone", arms=["zero-shot"]), {"real": 0.9, "zero-shot": 0.8})
        found = findings.collect(session, study)
        printed = {table.name: table for table in tables.of_study(session, found)}["scores"]

    assert len(score_rows.of_study(found)) == len(printed.rows) == 2 and score_rows.SEVERAL not in printed.caption
