"""Connecting a model: servers on this machine are proposed first, and a small model can be added by a button."""

from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from core.llm import connection
from core.llm.local import packages
from core.study.rows.study import Job, Study
from core.study.store import Store
from tests.llm_server import LlmServer
from tests.pages.test_pages import fill, opened


def said(app: AppTest) -> str:
    return " ".join(element.value for element in (*app.error, *app.warning, *app.caption, *app.toast)).replace("\\", "")


def box(app: AppTest, name: str) -> list[str]:
    return list(next(box for box in app.multiselect if name in str(box.key)).value)


@pytest.mark.slow
def test_a_server_on_this_machine_is_proposed_with_its_model_and_kept_by_one_click(
    app: AppTest, home: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = fill(home, tmp_path)
    with LlmServer(models=["llama3.2:1b", "qwen"]) as server:
        port = server.url.rpartition(":")[2].split("/")[0]
        monkeypatch.setenv("LITMUS_LOCAL_SERVERS", f"Ollama={port}, vLLM=9")
        opened(app, "prompts")
        proposed, found = box(app, "models.openai"), said(app)
        sent_before = server.counts()["requests"]
        app.button(key="prompts.connect").click().run()

    assert not app.exception
    assert proposed == ["llama3.2:1b"] and "Ollama at http" in found and "llama3.2:1b, qwen" in found
    assert sent_before == 0
    with home() as session:
        kept = connection.of(session.get_one(Study, study.id))
    assert (kept.models, kept.base_url) == (("llama3.2:1b",), f"http://127.0.0.1:{port}/v1")


@pytest.mark.slow
def test_without_a_server_a_small_model_can_be_added_and_is_then_proposed(
    app: AppTest, home: Store, home_folder: Path, tmp_path: Path
) -> None:
    fill(home, tmp_path)
    opened(app, "prompts")

    button = app.button(key="prompts.add.smollm2")
    label = button.label
    button.click().run()
    with home() as session:
        (job,) = session.scalars(select(Job).where(Job.key == "model:smollm2"))
    place = packages.path(packages.SMOLLM2, home_folder)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"GGUF")
    opened(app, "prompts")

    assert label == "Add a small model (93 MB)" and not app.exception
    assert job.command == ["-m", "core", "models", "add", "smollm2"]
    assert box(app, "models.local") == ["smollm2"]
