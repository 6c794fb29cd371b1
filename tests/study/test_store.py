"""The store: migrations, backups, and many writers at once, on SQLite and on PostgreSQL."""

import gzip
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, func, select, text

from core import settings as settings_module
from core.errors import StudyError
from core.study import claim, migrate, tasks
from core.study import store as store_module
from core.study.rows.base import Base
from core.study.rows.sessions import Campaign, Comparison, Rater, Rating
from core.study.rows.study import Completion, Label, Prediction, Prompt, Sample, Study, Task
from core.study.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[settings_module.Settings]:
    """Settings of a store on SQLite and on PostgreSQL."""
    environ = {"LITMUS_HOME": str(tmp_path / "home")}
    if request.param == "postgresql":
        environ["LITMUS_DATABASE"] = request.getfixturevalue("postgresql_url")
    yield settings_module.load(environ)


@pytest.mark.slow
def test_the_migrations_make_exactly_the_tables_of_the_records(either: settings_module.Settings) -> None:
    store = store_module.open_store(either)

    with store() as session:
        differences = compare_metadata(MigrationContext.configure(session.connection()), Base.metadata)

    assert differences == []
    store.close()


@pytest.mark.slow
def test_forty_writers_that_read_before_they_write_lose_nothing(either: settings_module.Settings) -> None:
    store = store_module.open_store(either)
    with store.write() as session:
        study_id = tasks.study_named(session, "s").id

    def write(number: int) -> None:
        for step in range(10):
            with store.write() as session:
                session.scalar(select(func.count(Task.id)))
                session.add(Task(study_id=study_id, name=f"{number}-{step}", question="?"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store() as session:
        assert session.scalar(select(func.count(Task.id))) == 400
    store.close()


@pytest.mark.slow
def test_eight_threads_open_eight_new_stores_at_once(tmp_path: Path) -> None:
    ready, opened = threading.Barrier(8), list[str | None]()

    def open_new(number: int) -> None:
        settings = settings_module.load({"LITMUS_HOME": str(tmp_path / f"home-{number}")})
        ready.wait()
        store = store_module.open_store(settings)
        opened.append(migrate.current(store.writer.kw["bind"]))
        store.close()

    threads = [threading.Thread(target=open_new, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert opened == [migrate.newest()] * 8


@pytest.mark.slow
def test_a_database_that_holds_something_is_backed_up_before_it_is_migrated(either: settings_module.Settings) -> None:
    store = store_module.open_store(either)
    with store.write() as session:
        study = tasks.study_named(session, "precious")
        tasks.make_task(session, study_id=study.id, name="t", question="?", labels={"a": "", "b": ""})
    engine = store.writer.kw["bind"]

    saved = migrate.backup(engine, either.backups)

    assert saved.parent == either.backups
    assert _names(saved) == ["precious"]
    store.close()


def test_the_revisions_read_from_file_names_are_those_of_the_migrations(store: Store) -> None:
    with store.reader.kw["bind"].connect() as connection:
        scripts = ScriptDirectory.from_config(migrate.config_for(connection))

    assert migrate.known() == {script.revision for script in scripts.walk_revisions()}
    assert migrate.newest() == scripts.get_current_head() == migrate.current(store.writer.kw["bind"])


def test_a_database_of_an_unknown_version_is_left_alone(settings: settings_module.Settings) -> None:
    store = store_module.open_store(settings)
    with store.write() as session:
        tasks.study_named(session, "precious")
        session.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '0000'"))
    store.close()

    with pytest.raises(StudyError, match="another version made the database"):
        store_module.open_store(settings)


def test_a_new_database_needs_no_backup_and_a_current_one_no_migration(settings: settings_module.Settings) -> None:
    engine = store_module.make_engine(settings.database_url, immediate=True)
    settings.home.mkdir(exist_ok=True)
    lock = settings.home / "lock"

    assert migrate.upgrade(engine, lock=lock, backups=settings.backups) is None
    assert migrate.upgrade(engine, lock=lock, backups=settings.backups) is None
    with engine.begin() as connection:
        config = migrate.config_for(connection)
        command.downgrade(config, "base")
    assert migrate.current(engine) is None


def test_twelve_processes_may_open_a_new_store_at_once(settings: settings_module.Settings) -> None:
    opened: list[Store] = []
    threads = [threading.Thread(target=lambda: opened.append(store_module.open_store(settings))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(opened) == 12
    for store in opened:
        store.close()


@pytest.mark.slow
def test_a_journal_that_is_just_being_changed_is_waited_for(settings: settings_module.Settings) -> None:
    settings.home.mkdir()
    path = settings.home / "litmus.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE other (id)")
    other.execute("BEGIN IMMEDIATE")  # a change of the journal is refused at once while this is open
    ending = threading.Timer(0.5, other.execute, ["COMMIT"])
    ending.start()

    engine = store_module.make_engine(f"sqlite:///{path}", immediate=True)
    with engine.connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()

    ending.join()
    other.close()
    engine.dispose()
    assert mode == "wal"


def test_a_database_out_of_reach_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    settings = settings_module.load(
        {"LITMUS_HOME": str(tmp_path), "LITMUS_DATABASE": "postgresql://me:secret@127.0.0.1:1/none"}
    )

    with pytest.raises(StudyError) as raised:
        store_module.open_store(settings)

    assert "cannot be opened" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_failed_write_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(StudyError), store.write() as session:
        study = tasks.study_named(session, "s")
        tasks.make_task(session, study_id=study.id, name="t", question="?", labels={"only": ""})

    with store() as session:
        assert session.scalar(select(func.count(Study.id))) == 0
        assert session.scalar(select(func.count(Label.id))) == 0


def _names(saved: Path) -> list[str]:
    if saved.suffix == ".db":
        with sqlite3.connect(saved) as copy:
            return [name for (name,) in copy.execute("SELECT name FROM study")]
    with gzip.open(saved, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["row"]["name"] for row in rows if row["table"] == "study"]


SESSION_ROWS = (
    "INSERT INTO campaign (id, study_id, name, kind, token, raters_per_item, items_per_rater, instructions, source, is_open, "
    "created_at) VALUES (1, 1, 'c', 'compare', 'k', 3, 20, '', '', true, 0)",
    "INSERT INTO item (id, campaign_id, external_id, created_at) VALUES (1, 1, 'i', 0)",
    "INSERT INTO rater (id, campaign_id, pseudonym, kind, code, created_at) VALUES (1, 1, 'r', 'person', 'x', 0)",
    "INSERT INTO rating (id, item_id, rater_id, label, created_at) VALUES (1, 1, 1, 'l', 0)",
    "INSERT INTO comparison (id, campaign_id, rater_id, left_task_id, right_task_id, winner, created_at) "
    "VALUES (1, 1, 1, 1, 1, 'left', 0)",
)


@pytest.mark.slow
def test_an_older_database_keeps_its_rows_when_it_is_migrated(either: settings_module.Settings) -> None:
    either.home.mkdir(parents=True)
    engine = create_engine(either.database_url)
    with engine.begin() as connection:
        command.upgrade(migrate.config_for(connection), "0001")
        connection.execute(
            text("INSERT INTO study (id, name, config, is_sample, created_at) VALUES (1, 's', '{}', false, 0)")
        )
        connection.execute(
            text("INSERT INTO task (id, study_id, name, question, created_at) VALUES (1, 1, 't', '?', 0)")
        )
        connection.execute(
            text("INSERT INTO arm (id, task_id, name, kind, created_at) VALUES (1, 1, 'a', 'zero-shot', 0)")
        )
        connection.execute(
            text(
                "INSERT INTO label (id, task_id, name, description, position, created_at) VALUES (1, 1, 'l', '', 0, 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO prompt (id, arm_id, version, context, generation, diversity, texts_per_call, turns, examples, words, "
                "created_at) VALUES (1, 1, 1, 'c', 'g', 'd', 10, 1, 0, 30, 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO completion (id, arm_id, label_id, slot, prompt_id, provider, model, request, content, finish_reason, "
                "tokens_in, tokens_out, latency_s, example_ids, is_recorded, created_at) "
                "VALUES (1, 1, 1, 0, 1, 'openai', 'm', '{}', '1. x', 'stop', 1, 1, 0, '[]', false, 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO sample (id, arm_id, label_id, split, text, text_hash, status, part, completion_id, created_at) "
                "VALUES (1, 1, 1, 'train', 'x', 'h', 'kept', 0, 1, 0)"
            )
        )
        for row in SESSION_ROWS:
            connection.execute(text(row))
    engine.dispose()

    store = store_module.open_store(either)

    with store() as session:
        completion = session.get_one(Completion, session.get_one(Sample, 1).completion_id)
        prompt = session.get_one(Prompt, completion.prompt_id)
        rater, comparison = session.get_one(Rater, 1), session.get_one(Comparison, 1)
        assert session.get_one(Rating, 1).label == "l"
    assert (completion.attributes, completion.source_ids, completion.batch_id) == ({}, [], None)
    assert (prompt.attributes, prompt.sources) == ({}, 0)
    assert (rater.state, rater.excluded_at, rater.facts) == ("rating", None, {})
    assert (comparison.winner, comparison.left_task_id, comparison.left_sample_id) == ("left", 1, None)
    assert len(list(either.backups.iterdir())) == 1
    store.close()


@pytest.mark.slow
def test_money_that_llm_raters_lost_moves_to_their_campaign_and_back(either: settings_module.Settings) -> None:
    either.home.mkdir(parents=True)
    engine = create_engine(either.database_url)
    rater = (
        "INSERT INTO rater (id, campaign_id, pseudonym, kind, code, facts, created_at) "
        "VALUES (:id, :campaign, :name, :kind, :name, :facts, 0)"
    )
    with engine.begin() as connection:
        command.upgrade(migrate.config_for(connection), "0005")
        connection.execute(
            text("INSERT INTO study (id, name, config, is_sample, created_at) VALUES (1, 's', '{}', false, 0)")
        )
        campaign = SESSION_ROWS[0].replace("(1, 1, 'c', 'compare', 'k'", "(:id, 1, :name, 'label', :name")
        for number in (1, 2):
            connection.execute(text(campaign), {"id": number, "name": f"c{number}"})
        for number, campaign, kind, facts in (
            (1, 1, "person", {}),
            (2, 1, "llm", {"model": "m", "unaccounted_usd": 0.25}),
            (3, 1, "llm", {"model": "n"}),
            (4, 2, "llm", {"model": "m"}),
        ):
            connection.execute(
                text(rater),
                {"id": number, "campaign": campaign, "name": f"r{number}", "kind": kind, "facts": json.dumps(facts)},
            )
    engine.dispose()

    store = store_module.open_store(either)

    with store() as session:
        assert [campaign.rating_lost_usd for campaign in session.scalars(select(Campaign).order_by(Campaign.id))] == [
            0.25,
            0.0,
        ]
        assert [rater.facts for rater in session.scalars(select(Rater).order_by(Rater.id))] == [
            {}, {"model": "m"}, {"model": "n"}, {"model": "m"}
        ]  # fmt: skip
    store.close()
    with engine.begin() as connection:
        command.downgrade(migrate.config_for(connection), "0005")
        found = connection.execute(text("SELECT facts FROM rater ORDER BY id")).scalars()
        facts = [json.loads(row) if isinstance(row, str) else row for row in found]
    engine.dispose()
    assert facts == [{}, {"model": "m", "unaccounted_usd": 0.25}, {"model": "n"}, {"model": "m"}]


@pytest.mark.slow
def test_what_was_stored_before_the_checks_of_trust_stays_and_shares_are_kept_to_seven_digits(
    either: settings_module.Settings,
) -> None:
    either.home.mkdir(parents=True)
    engine = create_engine(either.database_url)
    rows = (
        "INSERT INTO study (id, name, config, is_sample, created_at) VALUES (1, 's', '{}', false, 0)",
        "INSERT INTO task (id, study_id, name, question, created_at) VALUES (1, 1, 't', '?', 0)",
        "INSERT INTO arm (id, task_id, name, kind, created_at) VALUES (1, 1, 'real', 'real', 0)",
        "INSERT INTO label (id, task_id, name, description, position, created_at) VALUES (1, 1, 'l', '', 0, 0)",
        "INSERT INTO sample (id, arm_id, label_id, split, text, text_hash, status, part, created_at) "
        "VALUES (1, 1, 1, 'test', 'x', 'h', 'kept', 0, 0), (2, 1, 1, 'test', 'y', 'i', 'kept', 0, 0)",
        "INSERT INTO run (id, arm_id, encoder, seed, n_train, config, fingerprint, facts, created_at) "
        "VALUES (1, 1, 'minilm', 0, 1, '{}', 'f', '{}', 0)",
        "INSERT INTO prediction (id, run_id, sample_id, label_id, probability, created_at) VALUES (7, 1, 1, 1, 0.5, 0)",
    )
    with engine.begin() as connection:
        command.upgrade(migrate.config_for(connection), "0006")
        for row in rows:
            connection.execute(text(row))
    engine.dispose()

    store = store_module.open_store(either)
    with store.write() as session:
        session.add(Prediction(run_id=1, sample_id=2, label_id=1, probability=0.7, probabilities=[0.7, 1e-12, 0.3]))

    with store() as session:
        old, new = session.scalars(select(Prediction).order_by(Prediction.sample_id))
        assert (old.probability, old.probabilities) == (0.5, None)
        assert new.probabilities == pytest.approx([0.7, 1e-12, 0.3], rel=1e-7)
        assert session.get_one(Task, 1).contamination_lost == {}
    kept = migrate.backup(store.writer.kw["bind"], either.backups)
    if kept.suffix == ".gz":
        with gzip.open(kept, "rt", encoding="utf-8") as file:
            assert '"probabilities": "\\\\x3333333f' in file.read()
    store.close()
    with engine.begin() as connection:
        command.downgrade(migrate.config_for(connection), "0006")
        assert connection.execute(text("SELECT id, probability FROM prediction ORDER BY sample_id")).first() == (7, 0.5)
    engine.dispose()


@pytest.mark.slow
def test_claims_of_one_kind_and_row_take_turns_and_others_do_not(either: settings_module.Settings) -> None:
    store = store_module.open_store(either)
    events: list[str] = []

    def hold(kind: claim.Kind, row_id: int) -> None:
        with claim.one_at_a_time(store, claim.Claim(kind, row_id), waiting=lambda: events.append("waited")):
            events.append(f"{kind.name} {row_id}")

    with claim.one_at_a_time(store, claim.Claim(claim.Kind.RATE, 1), waiting=lambda: None):
        for kind, row_id in ((claim.Kind.FILL, 1), (claim.Kind.TRY, 1), (claim.Kind.RATE, 2)):
            hold(kind, row_id)
        same = threading.Thread(target=hold, args=(claim.Kind.RATE, 1))
        same.start()
        same.join(timeout=2.5)
        assert same.is_alive()
    same.join()

    assert events[:3] == ["FILL 1", "TRY 1", "RATE 2"]
    assert "waited" in events[3:-1] and events[-1] == "RATE 1"
    store.close()
