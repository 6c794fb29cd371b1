"""The page Analyse on three and five tasks: what has no interval says so, and nothing undefined is shown."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.commands import run
from core.study import tasks
from core.study.store import Store
from tests.command_line import CommandLine
from tests.commands.test_verdict_command import LOSSES, ratings
from tests.finished_study import add_runs, make_task
from tests.pages.test_pages import opened


@pytest.mark.slow
@pytest.mark.parametrize(("n", "expected"), [(3, "without an interval"), (5, "degrees of freedom")])
def test_a_study_of_few_tasks_shows_no_number_that_is_none(
    app: AppTest, home: Store, call: CommandLine, tmp_path: Path, n: int, expected: str
) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "s")
        for name, loss in list(LOSSES.items())[:n]:
            task = make_task(session, study, name, arms=["zero-shot"])
            add_runs(session, task, {"real": 0.92, "zero-shot": 0.92 - loss})
    for name, loss in list(LOSSES.items())[:n]:
        (tmp_path / f"{name}.csv").write_text(ratings(name, 4 * loss), encoding="utf-8")
        assert call("ratings", tmp_path / f"{name}.csv", "--task", name).code == 0

    opened(app, "analyse")

    shown = "\n".join(str(element.value) for element in (*app.caption, *app.markdown, *app.info))
    assert expected in shown and "nan" not in shown.lower()


def test_the_line_of_the_terminal_has_dashes_where_nothing_is_defined() -> None:
    nothing = dict.fromkeys(("low", "high", "p", "r2", "spearman"))

    said = run._regression_words({"slope": 0.1, "intercept": 0.05, "tasks": 3, "note": "", **nothing})

    assert said == "Regression: gap = 0.050 + subjectivity x 0.100, no p, 3 tasks; R2 –, Spearman –"
