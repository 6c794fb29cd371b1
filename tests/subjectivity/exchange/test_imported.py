"""Import of answers into a study: the stored rows, and repeated imports without loss or duplicates."""

import json
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import func, select

from core import settings as settings_module
from core.errors import StudyError
from core.study import store as store_module
from core.study import tasks
from core.study.exchange import importing, spreadsheets, tables
from core.study.rows.base import Base
from core.study.rows.kinds import RaterKind
from core.study.rows.sessions import Campaign, Item, Rater, Rating, Reply, Skip
from core.study.rows.study import Study, Task
from core.study.store import Store
from core.subjectivity import ratings
from core.subjectivity.exchange import formats, imported, long_form, pseudonyms
from core.subjectivity.exchange.counted import Choices
from core.subjectivity.sessions import answers

REPLY = {
    "request": {}, "content": "yes", "finish_reason": "stop", "tokens_in": 1, "tokens_out": 1, "cost_usd": None,
    "latency_s": 0.1,
}  # fmt: skip
ROWS = "item_id,text,rater_id,label\n1,easy TEXT 3,ann@example.org,yes\n1,Easy text 3,ben,no\n2,elsewhere,ben,yes\n"


@pytest.fixture
def study(store: Store, tmp_path: Path) -> Study:
    return two_tasks(store, tmp_path)


def two_tasks(store: Store, tmp_path: Path) -> Study:
    """A study whose tasks have six test texts each."""
    with store.write() as session:
        made = tasks.study_named(session, "s")
        for name in ("easy", "hard"):
            path = tmp_path / f"{name}.csv"
            rows = [f"{name} text {number},{'yes' if number % 2 else 'no'},test" for number in range(6)]
            path.write_text("\n".join(["text,label,split", *rows, f"{name} train,yes,train"]))
            task = tasks.make_task(
                session, study_id=made.id, name=name, question=f"Is it {name}?", labels={"yes": "it is", "no": ""}
            )
            arm = tasks.make_arm(session, task_id=task.id, name="real")
            importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())
    return made


def bring(
    store: Store,
    study: Study,
    path: Path,
    content: str,
    *,
    kind: RaterKind = RaterKind.IMPORTED,
    field: str | None = None,
    choices: Choices | None = None,
    replaces_all: bool = False,
) -> imported.Imported:
    """Import a file with the given content into the task `easy`."""
    path.write_text(content, encoding="utf-8")
    with store.write() as session:
        return imported.import_ratings(
            session, task=easy(store, study), table=formats.read(path), kind=kind,
            options=formats.Options(field=field, key=b"k", choices=choices or Choices()),
            replaces_all=replaces_all,
        )  # fmt: skip


def easy(store: Store, study: Study) -> Task:
    with store() as session:
        return tasks.get_task(session, study.id, "easy")


def count(store: Store, table: type[Base]) -> int:
    with store() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_ratings_find_their_samples_and_personal_names_are_not_kept(store: Store, study: Study, tmp_path: Path) -> None:
    found = bring(store, study, tmp_path / "r.csv", ROWS)

    with store() as session:
        names = list(session.scalars(select(Rater.pseudonym)))
        stored = ratings.of_task(session, easy(store, study).id, kinds=ratings.people(study))
    assert (found.read, found.kept, found.items, found.raters, found.matched, found.pseudonyms) == (3, 3, 2, 2, 1, 1)
    assert not any("@" in name for name in names)
    assert stored["label"].tolist() == ["yes", "no", "yes"]
    assert stored["sample_id"].notna().tolist() == [True, True, False]


def test_the_same_file_comes_in_once_and_a_changed_one_takes_its_place(
    store: Store, study: Study, tmp_path: Path
) -> None:
    first = bring(store, study, tmp_path / "r.csv", ROWS)
    again = bring(store, study, tmp_path / "r.csv", ROWS)
    changed = bring(store, study, tmp_path / "r.csv", ROWS + "3,x,ben,no\n")

    assert (first.again, again.again, changed.again) == (False, True, False)
    assert again.rejected == {"imported before": 3}
    assert (count(store, Campaign), count(store, Rating), count(store, Rater)) == (1, 4, 2)


def test_other_options_take_the_place_of_the_first(store: Store, study: Study, tmp_path: Path) -> None:
    content = "item_id,rater_id,label\n1,ann,yes\n1,ben,Yes\n2,ann,no\n2,ben,NO\n"

    first = bring(store, study, tmp_path / "r.csv", content)
    folded = bring(store, study, tmp_path / "r.csv", content, choices=Choices(fold=True))
    again = bring(store, study, tmp_path / "r.csv", content, choices=Choices(fold=True))

    assert (first.kept, folded.kept, folded.again, folded.replaced, again.again) == (2, 4, False, 2, True)
    assert folded.notes[-1] == "These took the place of 2 answers that came from an earlier r.csv."
    assert not first.replaced and not again.replaced and (count(store, Campaign), count(store, Rating)) == (1, 4)


def test_winners_that_are_renamed_anew_take_the_place_of_the_first(store: Store, study: Study, tmp_path: Path) -> None:
    found = [
        compare(store, study, tmp_path / "c.csv", "rater_id,left,right,winner\na,easy,hard,0\nb,easy,hard,0\n", rename)
        for rename in ({"0": "left", "1": "right"}, {"0": "right", "1": "left"}, {"0": "right"})
    ]

    with store() as session:
        stored = ratings.comparisons(session, study.id, kinds=ratings.people(study))
    assert [(one.kept, one.replaced, one.again) for one in found] == [(2, 0, False), (2, 2, False), (0, 0, True)]
    assert stored["winner"].tolist() == ["right", "right"]


def compare(store: Store, study: Study, path: Path, content: str, rename: dict[str, str]) -> imported.Imported:
    """Import comparisons of tasks from a file with the given content."""
    path.write_text(content)
    with store.write() as session:
        return imported.import_comparisons(
            session,
            study_id=study.id,
            table=formats.read(path),
            options=formats.Options(choices=Choices(rename=rename)),
        )


def test_imports_from_before_their_answers_had_a_digest_are_known_again(
    store: Store, study: Study, tmp_path: Path
) -> None:
    bring(store, study, tmp_path / "r.csv", ROWS)
    renamed = {"0": "left"}
    compare(store, study, tmp_path / "c.csv", "rater_id,left,right,winner\na,easy,hard,0\n", renamed)
    with store.write() as session:
        campaigns = {campaign.name: campaign for campaign in session.scalars(select(Campaign))}
        without = {name: campaign.source.partition(imported.ANSWERS)[0] for name, campaign in campaigns.items()}
        campaigns["Imported: r.csv"].source = without["Imported: r.csv"]
        campaigns["Imported: c.csv"].source = f"{without['Imported: c.csv']} easy,hard"
        session.add(Rater(campaign_id=campaigns["Imported: r.csv"].id, pseudonym="m", kind=RaterKind.LLM, code="c"))

    again = bring(store, study, tmp_path / "r.csv", ROWS)
    compared = compare(store, study, tmp_path / "c.csv", "rater_id,left,right,winner\na,easy,hard,0\n", renamed)

    assert again.again and compared.again
    with store() as session:
        assert all(imported.ANSWERS in source for source in session.scalars(select(Campaign.source)))


def test_a_file_from_before_that_reads_otherwise_now_is_replaced(store: Store, study: Study, tmp_path: Path) -> None:
    bring(store, study, tmp_path / "r.csv", ROWS)
    with store.write() as session:
        campaign = session.scalars(select(Campaign)).one()
        campaign.source = campaign.source.partition(imported.ANSWERS)[0]

    changed = bring(store, study, tmp_path / "r.csv", ROWS, choices=Choices(rename={"no": "yes"}))

    assert (changed.again, changed.replaced, count(store, Campaign), count(store, Rating)) == (False, 3, 1, 3)


def test_a_file_of_the_same_name_says_what_it_replaced(store: Store, study: Study, tmp_path: Path) -> None:
    (tmp_path / "round1").mkdir()
    (tmp_path / "round2").mkdir()
    bring(store, study, tmp_path / "round1" / "ratings.csv", "item_id,rater_id,label\n1,ann,yes\n1,ben,yes\n")

    found = bring(store, study, tmp_path / "round2" / "ratings.csv", "item_id,rater_id,label\n7,ben,no\n")

    assert found.replaced == 2 and "took the place of 2 answers" in found.notes[-1]


def test_a_corrected_file_takes_the_place_of_the_first_whatever_the_case_of_its_raters(
    store: Store, study: Study, tmp_path: Path
) -> None:
    bring(store, study, tmp_path / "r.csv", "item_id,rater_id,label\n1,Ann,yes\n2,Ann,no\n")

    found = bring(store, study, tmp_path / "r.csv", "item_id,rater_id,label\n1,ann,yes\n2,ann,yes\n")

    assert (found.kept, found.replaced, found.beside, count(store, Rating)) == (2, 2, 0, 2)


def test_a_file_replaces_the_answers_of_other_raters_where_it_is_told_to(
    store: Store, study: Study, tmp_path: Path
) -> None:
    first, renamed = (f"item_id,rater_id,label\n1,{rater},yes\n2,{rater},no\n" for rater in ("ann", "p1"))
    bring(store, study, tmp_path / "r.csv", first)

    doubled = bring(store, study, tmp_path / "r.csv", renamed)
    again = bring(store, study, tmp_path / "r.csv", renamed, replaces_all=True)
    back = bring(store, study, tmp_path / "r.csv", first, replaces_all=True)

    assert doubled.beside == 1 and "ratings --replace" in doubled.notes[-1]
    assert (again.again, again.replaced) == (True, 2)
    assert (back.kept, back.replaced, back.beside, count(store, Rating)) == (2, 2, 0, 2)


def test_a_page_asks_about_earlier_files_of_other_raters_only(store: Store, study: Study, tmp_path: Path) -> None:
    bring(store, study, tmp_path / "r.csv", "item_id,rater_id,label\n1,ann,yes\n")
    task = easy(store, study)

    with store() as session:
        found = [
            imported.n_beside(session, study_id=study.id, task_id=task.id, file=file, raters=[rater])
            for file, rater in (("r.csv", "ben"), ("r.csv", "Ann "), ("other.csv", "ben"))
        ]

    assert found == [1, 0, 0]


def test_a_file_per_rater_of_the_same_name_takes_the_place_of_that_raters_file_only(
    store: Store, study: Study, tmp_path: Path
) -> None:
    for rater in ("ann", "ben"):
        (tmp_path / rater).mkdir()
    lines = {
        rater: "\n".join(
            json.dumps({"id": f"{place}", "label_annotations": {"q": {label: "true"}}}) for place in range(2)
        )
        for rater, label in (("ann", "yes"), ("ben", "yes"), ("new", "no"))
    }

    ann, ben, again, corrected = (
        bring(store, study, tmp_path / rater / "annotated_instances.jsonl", lines[content])
        for rater, content in (("ann", "ann"), ("ben", "ben"), ("ann", "ann"), ("ben", "new"))
    )

    assert (ann.beside, ben.replaced, ben.beside, again.again) == (0, 0, 1, True)
    assert "answers of other raters from 1 earlier file" in ben.notes[-1] and "They stay" in ben.notes[-1]
    assert (corrected.replaced, corrected.beside, count(store, Rating)) == (2, 1, 4)
    with store() as session:
        assert len(set(session.scalars(select(Campaign.name)))) == 2


def test_the_same_file_read_with_another_column_of_raters_takes_the_place_of_the_first(
    store: Store, study: Study, tmp_path: Path
) -> None:
    content = "item_id,who,worker,label\n1,ann,w1,yes\n1,ben,w2,yes\n"
    (tmp_path / "r.csv").write_text(content)
    with store.write() as session:
        first, second = (
            imported.import_ratings(
                session,
                task=easy(store, study),
                table=formats.read(tmp_path / "r.csv"),
                options=formats.Options(names={"rater_id": column}),
            )
            for column in ("who", "worker")
        )

    assert (first.raters, second.raters, second.replaced, second.beside) == (2, 2, 2, 0)


def test_texts_that_are_no_samples_are_kept_with_their_items(store: Store, study: Study, tmp_path: Path) -> None:
    bring(store, study, tmp_path / "r.csv", ROWS)

    with store() as session:
        stored = {item.external_id: (item.text, item.sample_id is None) for item in session.scalars(select(Item))}
        listed = answers.of_campaign(session, session.scalars(select(Campaign)).one())
    assert stored == {"1": ("", False), "2": ("elsewhere", True)}
    assert listed["text"].tolist() == ["easy text 3", "easy text 3", "elsewhere"]


def test_two_spellings_of_an_address_are_stored_as_one_rater(store: Store, study: Study, tmp_path: Path) -> None:
    content = "item_id,rater_id,label\n1,Ann@x.org,yes\n1,ann@x.org,yes\n1,ben@x.org,no\n"

    found = bring(store, study, tmp_path / "r.csv", content)

    assert (found.kept, found.raters, found.rejected) == (2, 2, {"repeated row": 1})


def test_another_question_of_the_same_file_takes_the_place_of_the_first(
    store: Store, study: Study, tmp_path: Path
) -> None:
    content = "item_id,rater_id,mood,tone\n1,a,yes,no\n"

    first = bring(store, study, tmp_path / "r.csv", content, field="mood")
    second = bring(store, study, tmp_path / "r.csv", content, field="tone")

    assert (first.columns["label"], second.columns["label"], second.again) == ("mood", "tone", False)
    with store() as session:
        assert list(session.scalars(select(Rating.label))) == ["no"]


def test_a_file_whose_items_raters_were_asked_about_is_not_taken_out(
    store: Store, study: Study, tmp_path: Path
) -> None:
    bring(store, study, tmp_path / "r.csv", ROWS)
    with store.write() as session:
        campaign = session.scalars(select(Campaign)).one()
        session.add(Rater(campaign_id=campaign.id, pseudonym="model", kind=RaterKind.LLM, code="c"))

    with pytest.raises(StudyError, match="Rename the file to bring it in beside the earlier one"):
        bring(store, study, tmp_path / "r.csv", ROWS + "3,x,ben,no\n")

    assert count(store, Rating) == 3


def test_nothing_is_stored_when_nothing_can_be_kept(store: Store, study: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no label 1"):
        bring(store, study, tmp_path / "r.csv", "item_id,rater_id,label\n1,a,\n")

    assert (count(store, Campaign), count(store, Rater), count(store, Item)) == (0, 0, 0)


def test_simulated_raters_stay_simulated_when_their_export_comes_back(
    store: Store, study: Study, tmp_path: Path
) -> None:
    bring(store, study, tmp_path / "r.csv", "task,worker,label,kind\n1,a,yes,simulated\n1,b,yes,person\n")

    with store() as session:
        kinds = {rater.pseudonym: rater.kind for rater in session.scalars(select(Rater))}
        counted = ratings.of_task(session, easy(store, study).id, kinds=ratings.people(study))
    assert kinds == {"a": RaterKind.SIMULATED, "b": RaterKind.IMPORTED}
    assert len(counted) == 1


@pytest.mark.parametrize("names", list(long_form.Names))
def test_a_campaign_written_out_and_brought_in_has_the_same_ratings(
    store: Store, study: Study, tmp_path: Path, names: long_form.Names
) -> None:
    bring(store, study, tmp_path / "r.csv", ROWS)
    with store() as session:
        before = answers.of_campaign(session, session.scalars(select(Campaign)).one())

    bring(store, study, tmp_path / "out.csv", spreadsheets.safe_csv(long_form.labels(before, names=names)))

    with store() as session:
        after = answers.of_campaign(session, session.scalars(select(Campaign).order_by(Campaign.id.desc())).first())
    same = ["rater_id", "label", "text", "sample_id"]
    assert before["sample_id"].notna().tolist() == [True, True, False]
    pd.testing.assert_frame_equal(after[same], before[same])


def test_label_studio_and_plain_files_bring_the_same(store: Store, study: Study, tmp_path: Path) -> None:
    chosen = {"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": ["yes"]}}
    export = [{"id": 4, "data": {"text": "easy text 3"}, "annotations": [{"completed_by": 1, "result": [chosen]}]}]

    found = bring(store, study, tmp_path / "export.json", json.dumps(export))

    assert (found.kept, found.matched, found.columns["label"]) == (1, 1, "c")


def test_comparisons_of_crowd_kit_name_the_winner(store: Store, study: Study, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("worker,left,right,label\na,easy,hard,hard\nb,hard,easy,hard\nc,easy,hard,tie\nd,easy,gone,gone\n")

    with store.write() as session:
        found = imported.import_comparisons(session, study_id=study.id, table=formats.read(path))

    with store() as session:
        stored = ratings.comparisons(session, study.id, kinds=ratings.people(study))
    assert (found.read, found.kept, found.rejected) == (4, 3, {"unknown task 'gone'": 1})
    assert stored["winner"].tolist() == ["right", "left", "tie"]


@pytest.mark.slow
def test_postgresql_keeps_the_same(migrated_postgresql_url: str, tmp_path: Path) -> None:
    environ = {"LITMUS_HOME": str(tmp_path / "home"), "LITMUS_DATABASE": migrated_postgresql_url}
    opened = store_module.open_store(settings_module.load(environ))
    try:
        study = two_tasks(opened, tmp_path)
        found = bring(opened, study, tmp_path / "r.csv", ROWS)
        changed = bring(opened, study, tmp_path / "r.csv", ROWS + "3,x,ben,no\n")

        assert (found.kept, found.matched, changed.kept) == (3, 1, 4)
        assert (count(opened, Campaign), count(opened, Rating), count(opened, Item)) == (1, 4, 3)
    finally:
        opened.close()


def test_a_file_whose_name_begins_like_anothers_takes_nothing_out(store: Store, study: Study, tmp_path: Path) -> None:
    bring(store, study, tmp_path / "r.csv 2.csv", ROWS)

    bring(store, study, tmp_path / "r.csv", ROWS + "3,x,ben,no\n")

    assert count(store, Rating) == 7


@pytest.mark.parametrize("table", [Skip, Reply])
def test_rows_that_point_to_an_imported_campaign_are_in_no_ones_way(
    store: Store, study: Study, tmp_path: Path, table: type[Skip] | type[Reply]
) -> None:
    bring(store, study, tmp_path / "r.csv", ROWS)
    with store.write() as session:
        rater, item = session.scalars(select(Rater)).first(), session.scalars(select(Item)).first()
        assert rater is not None
        assert item is not None
        more = {"reason": "x"} if table is Skip else REPLY
        session.add(table(item_id=item.id, rater_id=rater.id, **more))
        rater.assigned_item_id = item.id

    bring(store, study, tmp_path / "r.csv", ROWS + "3,x,ben,no\n")

    assert count(store, Rating) == 4
    assert count(store, table) == 0


def test_an_empty_key_of_pseudonyms_is_refused(tmp_path: Path) -> None:
    (tmp_path / pseudonyms.KEY_FILE).write_text("\n")

    with pytest.raises(StudyError, match="is empty: delete it"):
        pseudonyms.key_in(tmp_path)


def test_a_key_of_pseudonyms_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")

    with pytest.raises(StudyError, match="cannot be read or made"):
        pseudonyms.key_in(tmp_path / "home")


def test_labels_that_the_task_does_not_have_are_never_stored_without_a_word(
    store: Store, study: Study, tmp_path: Path
) -> None:
    head = "item_id,rater_id,label\n"
    with pytest.raises(StudyError, match="No label .* is one of the task's.*--rename"):
        bring(store, study, tmp_path / "words.csv", f"{head}1,a,Ja\n1,b,Nein\n")

    found = bring(store, study, tmp_path / "some.csv", f"{head}1,a,yes\n1,b,no\n2,a,maybe\n2,b,yes\n")

    assert found.rejected == {"the task has no label 'maybe'": 1}
    with store() as session:
        assert set(session.scalars(select(Rating.label))) == {"yes", "no"}
