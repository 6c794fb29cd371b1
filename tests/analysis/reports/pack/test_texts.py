"""The tables of synthetic texts: what they took to write, whose labels were confirmed, and how varied they are."""

from pathlib import Path

import pytest
from sqlalchemy import select

from core.analysis import findings
from core.analysis.reports import report
from core.analysis.reports.pack import texts
from core.analysis.reports.pack.tables import PaperTable
from core.quality import measures
from core.settings import Settings
from core.study import tasks
from core.study.rows.kinds import SampleStatus
from core.study.rows.study import Completion, Sample, Study
from core.study.store import Store
from core.synthesis.generation import standing
from tests import measured
from tests.study.archive import whole_study

pytestmark = pytest.mark.slow


@pytest.fixture
def study(store: Store) -> Study:
    with store.write() as session:
        return whole_study.fill(session)


def rows(table: PaperTable) -> dict[tuple[str, str], dict[str, str]]:
    """Task and arm -> column -> cell."""
    return {(row[0], row[1]): dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_what_the_texts_took_is_what_is_stored(store: Store, study: Study) -> None:
    with store() as session:
        found = rows(texts.written(session, findings.collect(session, study)))
        assert found
        for (name, arm_name), row in found.items():
            arm = tasks.get_arm(session, tasks.get_task(session, study.id, name), arm_name)
            stored = standing.of(session, arm.id)
            assert row["Kept"] == f"{stored.n_kept:,}" and row["Rejected"] == f"{stored.rejected.total():,}"
            if stored.completions:
                assert (row["Calls"], row["Tokens in"]) == (f"{stored.completions:,}", f"{stored.tokens_in:,}")
            else:
                assert {row[name] for name in ("Calls", "Tokens in", "Tokens out", "USD")} == {"–"}
        assert not any(arm == "real" for _, arm in found)
        assert any(row["Calls"] != "–" for row in found.values())


def test_an_unknown_price_is_a_dash_and_said(store: Store, study: Study) -> None:
    with store.write() as session:
        one = session.scalars(select(Completion).limit(1)).one()
        one.cost_usd = None
        arm_id = one.arm_id
    with store() as session:
        table = texts.written(session, findings.collect(session, study))
        stored = standing.of(session, arm_id)
    assert stored.money.unpriced == 1
    assert "or a price is not known" in table.caption
    assert any(row["USD"] == "–" and row["Calls"] != "–" for row in rows(table).values())


def test_measures_stand_in_the_report_and_stale_ones_are_named_instead(
    store: Store, study: Study, settings: Settings
) -> None:
    with store.write() as session:
        task = tasks.tasks(session, study.id)[0]
        digest = measures.digest(session, task.id)
        arms = [measured.arm("real", 0.4), measured.arm("zero-shot", 0.2)]
        measures.write(settings, measured.task(*arms, task_id=task.id, name=task.name, digest=digest))
        found = findings.collect(session, study)
        fresh, page = texts.quality(session, found, settings), report.render(session, found, settings=settings)
        without = texts.quality(session, found, None)
        kept = select(Sample).where(
            Sample.arm_id == tasks.arms(session, task.id)[0].id, Sample.status == SampleStatus.KEPT
        )
        session.scalars(kept.limit(1)).one().status = SampleStatus.REJECTED
        session.flush()
        stale = texts.quality(session, found, settings)

    row = rows(fresh)[(task.name, "zero-shot")]
    assert row["Chamfer distance"] == "0.20 [0.19, 0.21]" and row["Near real"] == "–" and row["Copies"] == "0.0 %"
    assert rows(fresh)[(task.name, "real")]["Copies"] == "–"
    assert "How varied the texts are" in page and "0.20 [0.19, 0.21]" in page
    assert without.rows == () and stale.rows == () and task.name in stale.caption


def test_the_pack_holds_both_tables(store: Store, study: Study, settings: Settings, tmp_path: Path) -> None:
    with store() as session:
        made = texts.of_study(session, findings.collect(session, study), settings)
    assert [table.name for table in made] == ["texts"]
    assert all(len(row) == len(made[0].columns) for row in made[0].rows)
