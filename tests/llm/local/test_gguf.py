"""A GGUF file writes like any other local model: unpacked once, with the chat template of the file."""

import asyncio
from pathlib import Path

import pytest

from core.errors import StudyError
from core.llm import connection, providers
from core.llm.answers import Answer, Message, SlotKey
from core.llm.connection import Connection
from core.llm.local import places, unpacking
from core.llm.local.local_model import LocalProvider
from core.settings import Settings
from tests import tiny_gguf

MESSAGES: list[Message] = [{"role": "user", "content": "write the text"}]


@pytest.fixture(scope="session")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.build(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def ask(provider: LocalProvider, messages: list[Message]) -> Answer:
    async def once() -> Answer:
        try:
            key = SlotKey(study="s", task="t", arm="a", label="l", index=0)
            return await provider.complete(messages, slot_key=key)
        finally:
            await provider.close()

    return asyncio.run(once())


def test_a_gguf_file_is_a_local_model_with_its_own_chat_template(gguf_file: Path, settings: Settings) -> None:
    wanted = connection.made(provider="local", models=(str(gguf_file),), max_tokens=6)

    (tested,) = connection.test(wanted, settings)
    (provider,) = connection.open_all(wanted, settings)
    assert isinstance(provider, LocalProvider)
    answer = ask(provider, MESSAGES)

    assert tested.ok and "is a GGUF file" in tested.sentence
    assert answer.tokens_out == 6 and answer.model == str(gguf_file)
    # <|start|> user \n ... <|end|> \n <|start|> assistant \n, where "th" and "he" are tokens and other letters are bytes
    letters = len("user\n") + len("write the text") - 1 + len("\n") + len("assistant\n")
    assert answer.tokens_in == 3 + letters


def test_a_gguf_file_is_unpacked_once_and_anew_when_the_file_changes(gguf_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.gguf"
    file.write_bytes(gguf_file.read_bytes())

    first = unpacking.folder(file, tmp_path / "home")
    written = (first / "model.safetensors").stat().st_mtime_ns
    again = unpacking.folder(file, tmp_path / "home")
    file.write_bytes(gguf_file.read_bytes() + b"\0")
    changed = unpacking.folder(file, tmp_path / "home")

    assert again == first and (again / "model.safetensors").stat().st_mtime_ns == written
    assert changed != first and (changed / "config.json").is_file()
    assert "quantization_config" not in (first / "config.json").read_text()


def test_a_folder_with_one_gguf_file_stands_for_the_file(gguf_file: Path, tmp_path: Path) -> None:
    found = places.find(str(gguf_file.parent), tmp_path)

    assert found.path == gguf_file and found.is_gguf


@pytest.mark.parametrize("kind", ["missing", "other format", "two in a folder", "not added"])
def test_what_is_no_gguf_model_gets_a_sentence(kind: str, tmp_path: Path, settings: Settings, gguf_file: Path) -> None:
    model, sentence = str(tmp_path / "model.gguf"), "There is no file .*model.gguf that can be read"
    if kind == "other format":
        (tmp_path / "model.gguf").write_bytes(b"PK\3\4")
        sentence = "is not in the format GGUF"
    if kind == "two in a folder":
        for name in ("a.gguf", "b.gguf"):
            (tmp_path / name).write_bytes(gguf_file.read_bytes())
        model, sentence = str(tmp_path), "holds 2 GGUF files: a.gguf, b.gguf"
    if kind == "not added":
        model, sentence = "smollm2", "not on this machine yet. Add it with `litmus models add smollm2`"

    with pytest.raises(StudyError, match=sentence):
        connection.check(Connection(provider="local", models=(model,)), settings)
    with pytest.raises(StudyError, match=sentence):
        providers.open_provider("local", model=model, base_url=None, settings=settings)


def test_a_gguf_file_that_is_cut_off_gets_a_sentence(tmp_path: Path, settings: Settings, gguf_file: Path) -> None:
    file = tmp_path / "cut.gguf"
    file.write_bytes(gguf_file.read_bytes()[:900])

    with pytest.raises(StudyError, match=r"cut\.gguf cannot be read as a language model"):
        providers.open_provider("local", model=str(file), base_url=None, settings=settings)
