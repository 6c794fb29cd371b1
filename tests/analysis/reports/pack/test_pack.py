"""The paper pack: all parts are there, nothing in them can break out, and the study file redoes the study."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import select

from core import settings as settings_module
from core.analysis import findings
from core.analysis.reports.pack import markup, methods, pack, pictures, prompts, references, tables
from core.analysis.reports.pack.tables import PaperTable
from core.errors import StudyError
from core.settings import Settings
from core.steps import study_file, study_intake
from core.steps.whole import check_study
from core.study import checks, tasks
from core.study import store as store_module
from core.study.rows.study import Study
from core.study.store import Store
from core.subjectivity.levels import Measure
from tests.finished_study import add_runs, make_task
from tests.rated_study import add_ratings
from tests.study.archive import whole_study


@pytest.fixture
def whole(store: Store) -> Store:
    with store.write() as session:
        whole_study.fill(session)
    return store


@pytest.fixture
def elsewhere(tmp_path: Path, empty_database: Path) -> Iterator[tuple[Settings, Store]]:
    """An empty home beside the first, with its store."""
    (tmp_path / "again").mkdir()
    shutil.copy(empty_database, tmp_path / "again")
    other = settings_module.load({"LITMUS_HOME": str(tmp_path / "again")})
    opened = store_module.open_store(other)
    yield other, opened
    opened.close()


def written(store: Store, folder: Path, name: str = "whole") -> pack.Pack:
    with store() as session:
        study = session.scalars(select(Study).where(Study.name == name)).one()
        return pack.write(session, findings.collect(session, study), folder)


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


@pytest.mark.slow
@pytest.mark.usefixtures("no_browser")
def test_the_pack_lists_what_it_holds_and_says_why_there_is_no_pdf(whole: Store, tmp_path: Path) -> None:
    made = written(whole, tmp_path / "pack")

    listed = {part.path for part in made.parts}
    on_disk = {
        path.relative_to(tmp_path / "pack").as_posix() for path in (tmp_path / "pack").rglob("*") if path.is_file()
    }
    assert on_disk - listed == {"pack.json"} and listed <= on_disk
    assert {"report.html", "tables.tex", "methods.tex", "prompts.tex", "study.yaml", "references.bib"} <= listed
    assert pictures.NO_BROWSER in made.notes and not [path for path in listed if path.endswith((".pdf", ".svg"))]
    assert pack.read(tmp_path / "pack") == made


@pytest.mark.slow
@pytest.mark.usefixtures("no_browser")
def test_the_parts_say_models_settings_versions_and_prompts_word_for_word(whole: Store, tmp_path: Path) -> None:
    written(whole, tmp_path / "pack")

    methods = (tmp_path / "pack" / "methods.md").read_text()
    assert "transformers 5.23.0" in methods and "100 steps" in methods and "seeds 0, 1, 2" in methods
    assert "You are =a writer" in (tmp_path / "pack" / "prompts.md").read_text()
    assert "rate news" in (tmp_path / "pack" / "tables.md").read_text()
    assert "Pay is not stored" in (tmp_path / "pack" / "data-card.md").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("no_browser")
def test_the_study_file_is_accepted_and_gives_the_same_subjectivity(
    whole: Store, tmp_path: Path, elsewhere: tuple[Settings, Store]
) -> None:
    with whole.write() as session:
        study = session.scalars(select(Study).where(Study.name == "whole")).one()
        known = findings.collect(session, study, measure=Measure.RATINGS).subjectivity
    written(whole, tmp_path / "pack")
    other, again = elsewhere
    request = study_intake.request_of(checks.read(tmp_path / "pack" / "study.yaml"), seeds=None)

    with again.write() as session:
        imported = study_file.import_study(session, other, request)
        assert imported.study is not None, imported.problems
        redone = findings.collect(session, imported.study, measure=Measure.RATINGS).subjectivity
        session.rollback()

    pd.testing.assert_frame_equal(known, redone, check_exact=True)
    assert [row for row in imported.imports if row["rejected"]] == []


@pytest.mark.slow
@pytest.mark.usefixtures("no_browser")
def test_a_study_without_runs_or_ratings_has_a_pack_with_a_checked_study_file(
    store: Store, tmp_path: Path, elsewhere: tuple[Settings, Store]
) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "bare")
        whole_study.add_training_texts(session, make_task(session, study, "only", test_texts=10), "real")
        tasks.make_task(session, study_id=study.id, name="empty", question="?", labels={"a": "", "b": ""})

    made = written(store, tmp_path / "pack", "bare")

    request = study_intake.request_of(checks.read(tmp_path / "pack" / "study.yaml"), seeds=None)
    assert [note for note in made.notes if "empty has no real texts" in note]
    assert [problem for problem in check_study(*elsewhere, request) if problem.is_fatal] == []
    assert "no run has finished yet" in (tmp_path / "pack" / "model-card.md").read_text()
    for path in (tmp_path / "pack").glob("*.md"):
        assert not re.search(r"\b(nan|None)\b", path.read_text()), path


@pytest.mark.slow
@pytest.mark.usefixtures("no_browser")
def test_names_from_people_stay_text_in_every_part(store: Store, tmp_path: Path) -> None:
    name = "<script>alert(1)</script> 50% of a_b & {c} \\input{d} [x] $y$ #z"
    with store.write() as session:
        task = make_task(session, tasks.study_named(session, "../<b>s</b>"), name, test_texts=60, arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})
        add_ratings(session, task, noise=0.8)

    written(store, tmp_path / "pack", "../<b>s</b>")

    assert "<script>alert" not in (tmp_path / "pack" / "report.html").read_text()
    index = (tmp_path / "pack" / "index.html").read_text()
    assert "<b>s</b>" not in index and "<script>" not in index and "raters agree on: &lt;script&gt;" in index
    assert "\\input{d}" not in (tmp_path / "pack" / "methods.tex").read_text()
    assert "<script>" not in (tmp_path / "pack" / "data-card.md").read_text().replace("\\<script", "")
    assert yaml.safe_load((tmp_path / "pack" / "study.yaml").read_text())["tasks"][name]["question"] == "?"
    assert {path.parent.name for path in (tmp_path / "pack" / "data").iterdir()} == {"data"}


@pytest.mark.slow
@pytest.mark.usefixtures("no_browser")
def test_an_earlier_pack_is_replaced_and_other_files_never(whole: Store, tmp_path: Path) -> None:
    written(whole, tmp_path / "pack")
    written(whole, tmp_path / "pack")
    (tmp_path / "pack" / "thesis.tex").write_text("years of work")

    with pytest.raises(StudyError, match="holds other files already"):
        written(whole, tmp_path / "pack")

    assert (tmp_path / "pack" / "thesis.tex").read_text() == "years of work"


@pytest.mark.slow
def test_a_pack_that_was_cut_off_is_no_pack_and_can_be_written_again(
    whole: Store, tmp_path: Path, no_browser: Any
) -> None:
    written(whole, tmp_path / "pack")
    (tmp_path / "pack" / "pack.json").write_text("{}")

    assert pack.read(tmp_path / "pack") is None
    assert written(whole, tmp_path / "pack").parts


def test_latex_escapes_every_special_character_and_keeps_rows_whole() -> None:
    table = PaperTable("t", "50 % & more", ("A_b", "C"), (("[x] \\ {y}", "1 < 2"), ("#~^$", "–")), 1)

    written = markup.latex_table(table)

    assert r"{[}x{]} \textbackslash{} \{y\} & 1 \textless{} 2 \\" in written
    assert r"\#\textasciitilde{}\textasciicircum{}\$ & -- \\" in written
    assert r"\caption{50 \% \& more}" in written and r"\begin{tabular}{lr}" in written
    assert written.count("{") - written.count(r"\{") == written.count("}") - written.count(r"\}")


def test_a_line_of_a_prompt_that_begins_with_a_star_keeps_it_in_latex() -> None:
    used = prompts.UsedPrompt("t", "a", 1, 3, "s", (("Context", "Rules:\n* be short\n[x] be odd"),))

    assert "Rules:\\\\\n{*} be short\\\\\n{[}x{]} be odd" in prompts.latex([used])


@pytest.mark.parametrize(
    ("name", "needs_font"), [("Größe – „ő“", False), ("סרקזם", True), ("讽刺", True), ("fun 🎉", True)]
)
def test_letters_outside_t1_are_told_in_the_head_of_a_latex_file(name: str, needs_font: bool) -> None:
    table = PaperTable("t", "c", ("A", "B"), ((name, "1"),), 1)
    asked = prompts.UsedPrompt("t", "a", 1, 3, "s", (("Context", name),))

    written = markup.latex([table]), prompts.latex([asked]), markup.with_head(name)

    assert [one.startswith("%") and "XeLaTeX" in one.splitlines()[0] for one in written] == [needs_font] * 3


@pytest.mark.slow
def test_the_methods_and_the_table_of_gaps_say_what_holds_of_this_study(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        for name, right in (("tone", 0.9), ("dull", 0.5)):
            add_runs(
                session, make_task(session, study, name, arms=["zero-shot"]), {"real": right, "zero-shot": 0.8}, seeds=2
            )
        alone = findings.collect(session, study)
        few, written_few = methods.of_study(session, alone), tables.of_study(session, alone)
        add_runs(session, make_task(session, study, "more", arms=["zero-shot"]), {"real": 0.9, "zero-shot": 0.8})
        many = findings.collect(session, study)
        shared, written_many = methods.of_study(session, many), tables.of_study(session, many)

    assert "Smyth" not in " ".join(few.paragraphs) and "smyth2004linear" not in few.references
    assert "Smyth" in " ".join(shared.paragraphs) and "smyth2004linear" in shared.references
    first, then = (tables.described(written, "gaps") for written in (written_few, written_many))
    assert first is not None and then is not None
    assert {row[0]: tables.DAGGER in row[-1] for row in then.rows} == {"tone": False, "dull": True, "more": False}
    assert "An interval needs 3 seeds in each arm; there are 2 and 2." in first.caption
    assert "the spread over seeds is taken from the other arms" in then.caption and "no interval" not in then.caption


def test_markdown_cells_cannot_end_a_cell_and_code_cannot_end_its_block() -> None:
    table = PaperTable("t", "c", ("A", "B"), (("x | y", "*z*"),), 1)

    assert markup.markdown_table(table).splitlines()[-1] == r"| x \| y | \*z\* |"
    assert markup.fenced("a\n```\nb").startswith("````text\n") and markup.fenced("a\n```\nb").endswith("\n````")


def test_every_reference_is_one_entry_of_its_key() -> None:
    for key, entry in references.ENTRIES.items():
        assert re.match(rf"@\w+\{{{key},", entry) and entry.count("{") == entry.count("}")
    assert references.of_encoder("roberta-base") == "liu2019roberta"
    assert references.of_encoder("bert-base-uncased") == "devlin2019bert" and references.of_encoder("xlnet") is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("google-bert/bert-base-uncased", "devlin2019bert"), ("/models/BERT-large-cased/", "devlin2019bert"),
        ("FacebookAI/roberta-large", "liu2019roberta"), ("minilm", "reimers2019sentence"),
        ("sentence-transformers/all-MiniLM-L6-v2", "reimers2019sentence"), ("microsoft/deberta-v3-base", None),
        ("distilbert-base-uncased", None), ("/models/albert-x", None), ("xlm-roberta-base", None), ("distilroberta-base", None),
        ("/models/bert/deberta", None), ("microsoft/MiniLM-L12-H384-uncased", None),
    ],
)  # fmt: skip
def test_an_encoder_is_cited_by_its_whole_name(name: str, key: str | None) -> None:
    assert references.of_encoder(name) == key


def test_a_table_that_the_study_has_no_data_for_is_left_out(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "bare")
        assert tables.of_study(session, findings.collect(session, study)) == []


@pytest.mark.slow
def test_figures_are_svg_and_pdf_at_the_width_of_a_column(whole: Store, tmp_path: Path) -> None:
    if pictures.browser() is None:
        pytest.skip("no Chromium was found: figures are HTML only")

    made = written(whole, tmp_path / "pack")

    svg = next((tmp_path / "pack" / "figures").glob("01-*.svg")).read_text()
    pdf = next((tmp_path / "pack" / "figures").glob("01-*.pdf")).read_bytes()
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert svg.startswith('<svg width="84mm"') and "irony" in svg
    assert box is not None and float(box[1]) == pytest.approx(84 / 25.4 * 72, abs=1)
    assert (tmp_path / "pack" / "report.pdf").read_bytes().startswith(b"%PDF")
    assert not [note for note in made.notes if "figure" in note or "picture" in note or "browser" in note.casefold()]
