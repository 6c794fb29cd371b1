"""Cases for the importers: texts, answers of raters, comparisons, and whole studies as files or as a zip."""

import hashlib
import io
import json
import random
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import func, select

from core import settings as settings_module
from core.errors import StudyError
from core.study import store as store_module
from core.study import tasks
from core.study.archive import reading, writing, zipped
from core.study.exchange import importing, labels_in_files, tables
from core.study.rows.base import Base
from core.study.rows.study import Study
from core.study.store import Store
from core.subjectivity.exchange import formats, imported
from core.subjectivity.exchange.counted import Choices
from tests.fuzz.damage import damaged
from tests.study.archive import whole_study
from tests.subjectivity.exchange import test_fuzz as answer_shapes

LABELS = [
    "good",
    "bad",
    "Good ",
    "nan",
    "None",
    "-",
    "",
    "1",
    "1.0",
    "0.5",
    '["good"]',
    "['a', 'b']",
    "grün",
    "\u202egood",
    "=1",
]
TEXTS = [
    "one",
    "Two ",
    'she said "no"',
    "a\nb",
    "=1+1",
    "\ufeffmark",
    "x;y\tz",
    "\x00",
    "<b>x</b>",
    "",
    " ",
    "é" * 50,
    "@user",
]
SPLITS = ["train", "test", "Test", "dev", "pool", "", "later"]
NEW_DATABASE_EVERY = 400


class Bench:
    """A store for cases, renewed now and then, and a folder for their files. `count`: the rows of every table."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cases = folder, 0
        self.settings = settings_module.load({"LITMUS_HOME": str(folder / "home"), "LITMUS_SLOTS": "1"})
        store_module.open_store(self.settings).close()
        shutil.copy(folder / "home" / "litmus.db", folder / "empty.db")
        self._open()

    def _open(self) -> None:
        self.store: Store = store_module.open_store(self.settings)
        with self.store.write() as session:
            self.study = tasks.study_named(session, "fuzz")
            self.task = tasks.make_task(
                session, study_id=self.study.id, name="known", question="?", labels={"good": "", "bad": ""}
            )
            for name in ("x", "y", "z"):
                tasks.make_task(
                    session, study_id=self.study.id, name=name, question="?", labels={"good": "", "bad": ""}
                )
        self.watcher = sqlite3.connect(self.settings.home / "litmus.db")
        self.rows, self.version = self.count(), self._version()

    def _version(self) -> int:
        return int(self.watcher.execute("PRAGMA data_version").fetchone()[0])

    def has_changed(self) -> bool:
        """Whether anything was committed to the database since the last question."""
        before, self.version = self.version, self._version()
        return before != self.version

    def renew(self) -> None:
        self.cases += 1
        if self.cases % NEW_DATABASE_EVERY == 0:
            self.store.close()
            self.watcher.close()
            for file in self.settings.home.glob("litmus.db*"):
                file.unlink()
            shutil.copy(self.folder / "empty.db", self.settings.home / "litmus.db")
            self._open()

    def count(self) -> tuple[int, ...]:
        with self.store() as session:
            counts = [
                select(func.count()).select_from(table).scalar_subquery() for table in Base.metadata.sorted_tables
            ]
            return tuple(session.execute(select(*counts)).one())


def texts(bench: Bench, ending: str, rng: random.Random) -> None:
    """Import a file of texts into a new task or into one whose labels are known."""
    path = bench.folder / f"f.{ending}"
    path.write_bytes(_maybe_damaged(_of_texts(ending, rng), rng))
    table = tables.read(path, header=rng.choice((None, None, None, True, False)) if ending in ("csv", "tsv") else None)
    options = importing.Options(
        text=rng.choice((None, None, None, None, None, "text", "label", "x")), label=rng.choice((None, None, "label")),
        split=rng.choice((None, "train", "train", "test", "test", "test", "later")), split_column=rng.choice((None, None, None, "split")),
        where=rng.choice(({}, {}, {}, {}, {"split": "test"})), rename=rng.choice(({}, {}, {"good": "bad"}, {"1": "good"})),
        choices=labels_in_files.Choices(rng.random() < 0.3, rng.random() < 0.3, rng.random() < 0.3, rng.choice(((), (), (0.5,)))),
    )  # fmt: skip
    with bench.store.write() as session:
        task = tasks.get_task(session, bench.study.id, "known")
        importing.look(table, options, known=["good", "bad"])
        if is_new := rng.random() < 0.5:
            task = tasks.make_task(
                session, study_id=bench.study.id, name=f"t{bench.cases}", question="?",
                labels=importing.real_labels(table, options),
            )  # fmt: skip
        arm = tasks.make_arm(
            session, task_id=task.id, name="real" if is_new else rng.choice(("real", "few-shot", "mine"))
        )
        found = importing.bring_in(session, task=task, arm=arm, table=table, options=options)
    assert found.read == found.kept + sum(found.rejected.values())


def _of_texts(ending: str, rng: random.Random) -> bytes:
    rows = [
        (rng.choice(TEXTS) + f" {n}", rng.choice(LABELS), rng.choice(SPLITS)) for n in range(rng.choice((1, 3, 12, 60)))
    ]
    frame = pd.DataFrame(rows, columns=["text", "label", "split"], dtype=object)
    if ending == "parquet":
        return _parquet(frame, rng)
    if ending == "csv":
        return frame.to_csv(
            index=rng.random() < 0.2, sep=rng.choice(",,,;"), lineterminator=rng.choice(("\n", "\r\n"))
        ).encode()
    if ending == "tsv":
        return frame.to_csv(index=False, sep="\t").encode()
    records = frame.to_dict("records")
    if ending == "jsonl":
        return "\n".join(json.dumps(row, ensure_ascii=rng.random() < 0.5) for row in records).encode()
    shapes: list[Any] = [
        records,
        {"data": records},
        frame.to_dict(),
        frame.to_dict("list"),
        records[0],
        [row["text"] for row in records],
    ]
    return json.dumps(rng.choice(shapes)).encode()


def _parquet(frame: pd.DataFrame, rng: random.Random) -> bytes:
    odd: list[Callable[[], Any]] = [
        lambda: [[cell] for cell in frame["label"]], lambda: [{"a": cell} for cell in frame["label"]], lambda: range(len(frame)),
        lambda: [0.5] * len(frame), lambda: [b"\xff"] * len(frame), lambda: pd.Timestamp("2026-01-01"), lambda: None,
        lambda: pd.Categorical(frame["label"]), lambda: [True] * len(frame), lambda: frame["label"],
    ]  # fmt: skip
    frame[rng.choice(("label", "label", "text", "split", "more"))] = rng.choice(odd)()
    stream = io.BytesIO()
    frame.to_parquet(stream, compression=rng.choice(("snappy", "zstd", None)))
    return stream.getvalue()


def _maybe_damaged(content: bytes, rng: random.Random) -> bytes:
    return damaged(content, rng) if rng.random() < 0.6 else content


SHAPES = [
    answer_shapes.long, answer_shapes.long, answer_shapes.wide, answer_shapes.prodigy, answer_shapes.mturk, answer_shapes.form,
    answer_shapes.doccano, answer_shapes.label_studio,
]  # fmt: skip
NAMES = ["ann", "Ann", "ben", "1", "1.0", "", "eva@example.org", "0123456789abcdef01234567", "\u202e", "x" * 300]
ITEMS = ["1", "2", "3", "1.0", "", "a b", "=1+1", "@x", "known text"]


def answers(bench: Bench, rng: random.Random) -> None:
    """Import a file of raters' answers in the form of one of the known programs."""
    rows = [
        (rng.choice(ITEMS), rng.choice(NAMES), rng.choice(answer_shapes.WORDS + answer_shapes.SETS))
        for _ in range(rng.choice((1, 4, 20)))
    ]
    shape = rng.choice(SHAPES)
    path = shape(bench.folder, rows, rng)
    path.write_bytes(_maybe_damaged(path.read_bytes(), rng))
    try:
        options = formats.Options(
            field=rng.choice((None, None, None, "tone", "x")), wide=shape is answer_shapes.wide or rng.random() < 0.1,
            rater=rng.choice((None, None, "me")), choices=_choices(rng), key=b"key",
        )  # fmt: skip
        table = formats.read(path)
        with bench.store.write() as session:
            task = tasks.get_task(session, bench.study.id, "known")
            found = imported.import_ratings(session, task=task, table=table, options=options)
    finally:
        path.unlink()
    assert found.read == found.kept + sum(found.rejected.values()) or found.again


def comparisons(bench: Bench, rng: random.Random) -> None:
    """Import a file of comparisons between the tasks of a study."""
    heads = ["rater_id left right winner", "worker left right label", "judge model_a model_b winner"]
    rows = [
        (
            rng.choice(NAMES),
            rng.choice("xyz"),
            rng.choice(["x", "y", "z", "known", ""]),
            rng.choice(answer_shapes.WINNERS),
        )
        for _ in range(rng.choice((1, 4, 20)))
    ]
    frame = pd.DataFrame(rows, columns=rng.choice(heads).split())
    if rng.random() < 0.6:
        path = answer_shapes._csv(bench.folder, frame, rng)
    else:
        path = answer_shapes._lines(bench.folder, frame.to_dict("records"), rng)  # type: ignore[arg-type]
    path.write_bytes(_maybe_damaged(path.read_bytes(), rng))
    try:
        table = formats.read(path)
        with bench.store.write() as session:
            imported.import_comparisons(
                session,
                study_id=bench.study.id,
                table=table,
                options=formats.Options(choices=_choices(rng), key=b"key"),
            )
    finally:
        path.unlink()


def _choices(rng: random.Random) -> Choices:
    return Choices(
        fold=rng.random() < 0.3, whole_sets=rng.random() < 0.3, as_sets=rng.random() < 0.3,
        has=rng.choice((None, None, "good")), rename=rng.choice(({}, {}, {"good": "bad"}, {"0": "left", "1": "right"})),
    )  # fmt: skip


ODD_VALUES: list[Any] = [
    None, True, -1, 0, 2**63, 2**70, 1e308, float("nan"), float("inf"), "", "x", "\x00", "\ud800", [], {}, [1], {"a": None}, "x" * 5000,
    "2026-01-01", "real", "../x",
]  # fmt: skip


class Archive:
    """An exported study in one format, whose files are damaged and put back."""

    def __init__(self, bench: Bench, form: Any) -> None:
        self.folder = bench.folder / f"export-{form}"
        with bench.store.write() as session:
            study = whole_study.fill(session)
            session.flush()
            writing.write(session, session.get_one(Study, study.id), self.folder, format=form)
            session.rollback()
        self.files = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        self.form = form

    def case(self, bench: Bench, rng: random.Random) -> None:
        """Read the study with one or two of its files changed, mostly with a manifest that agrees with the change."""
        changed = {name: self.changed(name, rng) for name in rng.sample(sorted(self.files), rng.choice((1, 1, 2)))}
        if rng.random() < 0.85 and "manifest.json" not in changed:
            said = json.loads(self.files["manifest.json"])
            for name in changed.keys() & said["files"].keys():
                said["files"][name]["sha256"] = hashlib.sha256(changed[name]).hexdigest()
                if rng.random() < 0.3 and self.form != "parquet":
                    said["files"][name]["rows"] = max(0, changed[name].count(b"\n") - (self.form == "csv"))
            changed["manifest.json"] = json.dumps(said).encode()
        for name, content in changed.items():
            (self.folder / name).write_bytes(content)
        try:
            with bench.store.write() as session:
                reading.read(session, self.folder, name=f"s{bench.cases}")
        finally:
            for name in changed:
                (self.folder / name).write_bytes(self.files[name])

    def changed(self, name: str, rng: random.Random) -> bytes:
        content = self.files[name]
        if not name.endswith(".jsonl") or not content or rng.random() < 0.4:
            return damaged(content, rng) if rng.random() < 0.95 else content
        lines = content.decode().splitlines()
        for _ in range(rng.choice((1, 1, 3))):
            place = rng.randrange(len(lines))
            row = json.loads(lines[place])
            row[rng.choice(list(row))] = rng.choice(ODD_VALUES)
            lines[place] = json.dumps(row)
        return ("\n".join(lines) + "\n").encode()

    def zipped_case(self, bench: Bench, rng: random.Random) -> None:
        """Read the study from a zip with damaged bytes, odd names, odd entries or damaged files."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))) as made:
            for name, content in self.files.items():
                if rng.random() < 0.97:
                    odd = rng.random() < 0.02
                    made.writestr(
                        rng.choice((f"../x{name}", "/x", "a/b.jsonl", "\\x", "con")) if odd else name, content
                    )
            if rng.random() < 0.05:
                made.writestr("tasks.csv", bytes(3_000_000))
        content = stream.getvalue()
        file, out = bench.folder / "study.zip", bench.folder / "unpacked"
        file.write_bytes(damaged(content, rng) if rng.random() < 0.8 else content)
        out.mkdir()
        try:
            folder = zipped.unpack_study(file, out)
            with bench.store.write() as session:
                reading.read(session, folder, name=f"s{bench.cases}")
        finally:
            shutil.rmtree(out)


def refused(error: StudyError) -> str:
    """What is wrong with the sentence of a refusal; "" if nothing is."""
    said = str(error)
    if not said.strip():
        return "no sentence"
    return "more than 2,000 letters" if len(said) > 2000 else ""
