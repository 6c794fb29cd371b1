"""Reading data sets from the hub and pushing texts to it, against an HTTP server with the routes of the hub."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sqlalchemy import select

from core.errors import StudyError
from core.study import tasks
from core.study.exchange import hub, hub_models, importing
from core.study.exchange.data_set import exporting
from core.study.exchange.tables import Table
from core.study.rows.study import Import
from core.study.store import Store
from tests.hub_server import HubServer
from tests.study.conftest import Letters

CONVERTED = hub.CONVERTED


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as running:
        yield running


def parquet(rows: dict[str, list[object]], *, classes: list[str] | None = None) -> bytes:
    """The bytes of a Parquet file; its metadata names `classes` as the class names of the column `label`."""
    table = pa.table(rows)
    if classes:
        noted = {"info": {"features": {"label": {"names": classes, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(noted)})
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


def rows(name: str, n: int = 2) -> dict[str, list[object]]:
    return {"text": [f"{name} {place}" for place in range(n)], "label": [place % 2 for place in range(n)]}


def fetch(server: HubServer, folder: Path, source: str, *, split: str | None = None, token: str | None = None) -> Table:
    return hub.read(source, split=split, folder=folder, token=token, endpoint=server.url)


def test_splits_and_class_names_come_from_the_files_and_the_commit_is_pinned(server: HubServer, tmp_path: Path) -> None:
    classes = ["neg", "pos"]
    made = server.add(
        "me/films",
        {
            "data/train-00000-of-00002.parquet": parquet(rows("a"), classes=classes),
            "data/train-00001-of-00002.parquet": parquet(rows("b"), classes=classes),
            "data/test-00000-of-00001-0123abcd.parquet": parquet({"text": ["c"], "label": [-1]}, classes=classes),
            "films.py": b"raise SystemExit('a script that must never run')",
        },
    )

    found = fetch(server, tmp_path, "hf:me/films")

    assert sorted(zip(found.frame["text"], found.frame["label"], found.frame["split"], strict=True)) == [
        ("a 0", "neg", "train"), ("a 1", "pos", "train"), ("b 0", "neg", "train"), ("b 1", "pos", "train"),
        ("c", "", "test"),
    ]  # fmt: skip
    assert found.numbers(found.frame.index) == [1, 2, 3, 4, 5]
    assert found.source == {
        "dataset": "me/films", "config": "default", "splits": "test,train", "revision": made.sha("main"),
    }  # fmt: skip
    assert not any("films.py" in request for request in server.seen)


def test_class_names_come_from_the_card_when_the_files_do_not_say_them(server: HubServer, tmp_path: Path) -> None:
    names = {"class_label": {"names": {"0": "ham", "1": "spam"}}}
    info = {
        "config_name": "plain",
        "features": [{"name": "text", "dtype": "string"}, {"name": "label", "dtype": names}],
    }
    card = f"---\n{yaml.safe_dump({'dataset_info': [info]})}---\n# Mail\n".encode()
    server.add("me/mail", {"README.md": card, "plain/train-00000-of-00001.parquet": parquet(rows("a"))})

    found = fetch(server, tmp_path, "hf:me/mail:plain")

    assert list(found.frame["label"]) == ["ham", "spam"]


def card_of(*infos: dict[str, object]) -> bytes:
    return f"---\n{yaml.safe_dump({'dataset_info': list(infos)})}---\n".encode()


def features(*classes: str) -> list[dict[str, object]]:
    return [{"name": "label", "dtype": {"class_label": {"names": {str(at): name for at, name in enumerate(classes)}}}}]


def test_class_names_of_another_configuration_are_never_taken(server: HubServer, tmp_path: Path) -> None:
    card = card_of({"config_name": "emotion", "features": features("anger", "joy")})
    files = {f"{name}/train-00000-of-00001.parquet": parquet(rows(name)) for name in ("emotion", "irony")}
    server.add("me/tweets", {"README.md": card, **files})

    irony, emotion = (fetch(server, tmp_path, f"hf:me/tweets:{name}") for name in ("irony", "emotion"))

    assert list(irony.frame["label"]) == ["0", "1"] and list(emotion.frame["label"]) == ["anger", "joy"]
    assert len(irony.notes) == 1 and "classes of label for emotion, not for irony" in irony.notes[0]
    assert emotion.notes == ()


@pytest.mark.parametrize("info", [{}, {"config_name": "another"}])
def test_class_names_of_the_only_entry_are_those_of_the_only_configuration(
    server: HubServer, tmp_path: Path, info: dict[str, object]
) -> None:
    card = card_of(info | {"features": features("ham", "spam")})
    server.add("me/mail", {"README.md": card, "plain/train-00000-of-00001.parquet": parquet(rows("a"))})

    assert list(fetch(server, tmp_path, "hf:me/mail").frame["label"]) == ["ham", "spam"]


def test_the_hub_s_own_parquet_is_preferred(server: HubServer, tmp_path: Path) -> None:
    server.add("me/old", {"old.py": b"", "train.csv": b"text,label\n"})
    converted = server.add(
        "me/old",
        {"one/partial-train/0000.parquet": parquet(rows("a")), "one/test/0000.parquet": parquet(rows("b"))},
        branch=CONVERTED,
    )

    found = fetch(server, tmp_path, "hf:me/old", split="train")

    assert list(found.frame["text"]) == ["a 0", "a 1"]
    assert found.source["revision"] == converted.sha(CONVERTED)


def test_a_card_may_say_which_files_a_configuration_has(server: HubServer, tmp_path: Path) -> None:
    configs = [
        {"config_name": "small", "data_files": [{"split": "train", "path": "x/*.parquet"}]},
        {"config_name": "large", "data_files": [{"split": "train", "path": ["y/1.parquet", "y/2.parquet"]}]},
    ]
    card = f"---\n{yaml.safe_dump({'configs': configs})}---\n".encode()
    files = {f"{name}.parquet": parquet(rows(name)) for name in ("x/1", "y/1", "y/2", "y/3")}
    server.add("me/two", {"README.md": card, **files})

    found = fetch(server, tmp_path, "hf:me/two:large")

    assert sorted(found.frame["text"]) == ["y/1 0", "y/1 1", "y/2 0", "y/2 1"]


def test_a_set_of_a_single_split_is_divided_on_import_like_a_file(server: HubServer, tmp_path: Path) -> None:
    server.add("me/one", {"data/train-00000-of-00001.parquet": parquet(rows("a"))})

    undivided = fetch(server, tmp_path, "hf:me/one")
    asked = fetch(server, tmp_path, "hf:me/one", split="train")

    assert "split" not in undivided.frame.columns
    assert set(asked.frame["split"]) == {"train"}


@pytest.mark.parametrize(
    ("source", "split", "sentence"),
    [
        ("hf:me/none", None, "There is no data set me/none on the hub, or it is private"),
        ("hf:me/secret", None, "There is no data set me/secret on the hub, or it is private"),
        ("hf:me/gated", None, "me/gated is gated. Accept its conditions"),
        ("hf:me/csv", None, "me/csv holds no Parquet files"),
        ("hf:me/many", None, "several configurations: first, second. Name a configuration, as in hf:me/many:first"),
        ("hf:me/many:third", None, "no configuration 'third'. It has first, second"),
        ("hf:me/many:first", "dev", "no split 'dev'. It has test, train"),
        ("hf:me/many@gone", None, "no such revision"),
        ("hf:me//many", None, "names no data set of the hub"),
        ("hf:me/ma--ny", None, "me/ma--ny is not a valid name on the hub"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(
    server: HubServer, tmp_path: Path, source: str, split: str | None, sentence: str
) -> None:
    server.add("me/secret", {}, private=True, key="hf_reader")
    server.add("me/gated", {}, gated=True)
    server.add("me/csv", {"train.csv": b"text,label\n"})
    names = ("first/train.parquet", "first/test.parquet", "second/train.parquet")
    server.add("me/many", {name: parquet(rows(name)) for name in names})

    with pytest.raises(StudyError) as raised:
        fetch(server, tmp_path, source, split=split)

    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_private_set_is_read_with_its_key(server: HubServer, tmp_path: Path) -> None:
    server.add("me/secret", {"train.parquet": parquet(rows("a"))}, private=True, key="hf_reader")

    found = fetch(server, tmp_path, "hf:me/secret", token="hf_reader")

    assert len(found.frame) == 2


def test_a_hub_out_of_reach_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"The hub at http://127.0.0.1:9 cannot be reached"):
        hub.read("hf:me/films", split=None, folder=tmp_path, token=None, endpoint="http://127.0.0.1:9")


def test_an_import_keeps_the_commit_and_is_done_once(server: HubServer, store: Store, tmp_path: Path) -> None:
    made = server.add("me/films", {"data/train-00000-of-00001.parquet": parquet(rows("a", 8), classes=["neg", "pos"])})

    reports = []
    for _ in range(2):
        table = fetch(server, tmp_path, "hf:me/films", split="train")
        with store.write() as session:
            study = tasks.study_named(session, "s")
            task = tasks.make_task(
                session,
                study_id=study.id,
                name="t",
                question="?",
                labels=importing.real_labels(table, importing.Options()),
            )
            arm = tasks.make_arm(session, task_id=task.id, name="real")
            reports.append(importing.bring_in(session, task=task, arm=arm, table=table, options=importing.Options()))

    with store() as session:
        options = session.scalars(select(Import.options)).one()
    assert [report.again for report in reports] == [False, True]
    assert reports[0].labels == {"neg": 4, "pos": 4}
    assert (options["source"]["dataset"], options["source"]["revision"]) == ("me/films", made.sha("main"))


def push(
    store: Store, letters: Letters, server: HubServer, *, real: bool = False, with_real: bool = False, **to: object
) -> hub.Pushed:
    arms = [letters.real, letters.made] if real else [letters.made]
    destination = hub.Destination(**{"repo": "me/mood", "token": server.key, "endpoint": server.url} | to)  # type: ignore[arg-type]
    with store() as session:
        return hub.push(session, task_id=letters.task.id, arms=arms, to=destination, with_real=with_real)


@pytest.mark.slow
def test_texts_are_pushed_privately_with_their_card_and_come_back_the_same(
    server: HubServer, store: Store, letters: Letters, tmp_path: Path
) -> None:
    pushed = push(store, letters, server)

    there = server.sets["me/mood"]
    files = there.branches["main"]
    card = files["README.md"].decode()
    back = fetch(server, tmp_path, "hf:me/mood", split="train", token=server.key)
    assert there.private and pushed.private
    assert pushed.files == ["README.md", "croissant.json", "data/few-shot/train.parquet"] and set(pushed.files) <= set(
        files
    )
    assert pushed.rows == {"few-shot": 3}
    assert yaml.safe_load(card.split("---\n")[1])["configs"][0]["config_name"] == "few-shot"
    assert "Write {n} letters, 1." in card
    assert list(back.frame["label"]) == ["glad", "glad", "sad"]
    assert list(back.frame.columns) == [*exporting.SCHEMA.names]
    assert server.key not in card


def test_real_texts_are_pushed_only_when_asked_for(server: HubServer, store: Store, letters: Letters) -> None:
    with pytest.raises(StudyError, match="licence may not allow"):
        push(store, letters, server, real=True)
    untouched = list(server.seen)

    pushed = push(store, letters, server, real=True, with_real=True)

    assert untouched == []
    assert pushed.rows == {"real": 6, "few-shot": 3}


@pytest.mark.slow
def test_nothing_goes_to_a_public_set_unless_that_was_asked_for(
    server: HubServer, store: Store, letters: Letters
) -> None:
    server.add("me/mood", {})

    with pytest.raises(StudyError, match="is there already and is public"):
        push(store, letters, server)
    untouched = dict(server.sets["me/mood"].branches["main"])
    push(store, letters, server, private=False)

    assert untouched == {}
    assert "README.md" in server.sets["me/mood"].branches["main"]


def test_a_private_set_stays_so_and_is_reported_so(server: HubServer, store: Store, letters: Letters) -> None:
    server.add("me/mood", {}, private=True)

    pushed = push(store, letters, server, private=False)

    assert pushed.private and server.sets["me/mood"].private


def test_a_key_that_may_not_write_is_said_in_a_sentence(server: HubServer, store: Store, letters: Letters) -> None:
    with pytest.raises(StudyError, match="refused the key|or it is private") as raised:
        push(store, letters, server, token="hf_wrong")

    assert "hf_wrong" not in str(raised.value)


def test_the_name_of_a_data_set_has_an_owner(server: HubServer, store: Store, letters: Letters) -> None:
    with pytest.raises(StudyError, match="names no data set"):
        push(store, letters, server, repo="mood")


@pytest.mark.parametrize(
    "card",
    ["configs: all", "configs: [a, {data_files: [1, {path: 3}, {split: test}]}]", "dataset_info: [x]",
     "dataset_info: {features: [{name: label, dtype: {class_label: yes}}, 7]}",
     "dataset_info: {features: [{dtype: {class_label: {names: {one: a}}}}]}"],
)  # fmt: skip
def test_a_card_of_another_shape_says_nothing_and_breaks_nothing(server: HubServer, tmp_path: Path, card: str) -> None:
    server.add("me/films", {"train.parquet": parquet(rows("a")), "README.md": f"---\n{card}\n---\n".encode()})

    assert len(fetch(server, tmp_path, "hf:me/films").frame) == 2


def test_a_key_with_foreign_characters_is_told_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="HF_TOKEN holds characters that cannot be part of a key") as found:
        hub.read("hf:me/films", split=None, folder=tmp_path, token="hf_secret\u2026", endpoint="http://127.0.0.1:9")

    assert "secret" not in str(found.value)


@pytest.mark.parametrize("body", [b"{}", b"<html></html>"])
def test_a_server_that_is_no_hub_is_told(tmp_path: Path, body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
        with pytest.raises(StudyError, match="answers, but not like the hub"):
            hub.read(
                "hf:me/films",
                split=None,
                folder=tmp_path,
                token=None,
                endpoint=f"http://127.0.0.1:{server.server_port}",
            )
        server.shutdown()


def test_a_model_is_pushed_privately_and_never_to_a_public_model_unasked(server: HubServer, tmp_path: Path) -> None:
    for name, content in (("README.md", "---\ntags: [litmus]\n---\n# A model\n"), ("model.safetensors", "weights")):
        (tmp_path / name).write_text(content)
    destination = hub.Destination("me/tone", token=server.key, endpoint=server.url)

    pushed = hub_models.push(tmp_path, to=destination)

    assert pushed.private and server.sets["me/tone"].private
    assert pushed.files == ["README.md", "model.safetensors"]
    assert server.sets["me/tone"].branches["main"]["model.safetensors"] == b"weights"
    server.sets["me/tone"].private = False
    with pytest.raises(StudyError, match="The model me/tone is there already and is public"):
        hub_models.push(tmp_path, to=destination)
    with pytest.raises(StudyError, match="names no model"):
        hub_models.push(tmp_path, to=replace(destination, repo="tone"))


def test_every_usual_name_of_a_split_is_known_in_paths() -> None:
    from core.study.exchange import columns_in_files, hub_layout

    for name in columns_in_files.SPLIT_NAMES:
        placed = hub_layout.placed([f"data/{name}.parquet", f"more/{name.upper()}/0000.parquet"], {})
        assert placed == {
            "default": {name: [f"data/{name}.parquet"]},
            "more": {name.upper(): [f"more/{name.upper()}/0000.parquet"]},
        }
    assert hub_layout.placed(["data/people.parquet"], {}) == {"default": {"train": ["data/people.parquet"]}}
