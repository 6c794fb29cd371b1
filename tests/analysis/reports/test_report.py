"""The report as one HTML file: what it pulls out, and how its tables read."""

from core.analysis import findings
from core.analysis.reports import report
from core.study import tasks
from core.study.store import Store
from tests.finished_study import add_runs, make_task
from tests.rated_study import add_ratings


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
