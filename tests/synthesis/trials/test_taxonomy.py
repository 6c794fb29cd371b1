"""Taxonomy: kinds of texts asked of a model become the attribute of a draft."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from core.errors import StudyError
from core.llm.endpoint.endpoint import OpenAIProvider
from core.study.rows.study import Arm, Label, Task, Trial
from core.study.store import Store
from core.synthesis.prompts import drafts
from core.synthesis.trials import taxonomy, trials
from tests import endpoints
from tests.llm_server import LlmServer

KINDS = ["praise that is meant", "thanks to a friend.", "Relief after worry", "relief after worry", "wit", "x" * 300]


def provider_of(server: LlmServer) -> OpenAIProvider:
    return endpoints.client("test-model", base_url=server.url, api_key=None, first_wait_s=0.01)


def test_the_kinds_of_each_label_make_a_taxonomy_ready_to_be_sent(
    store: Store, task: Task, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("taxonomy")
    with LlmServer(texts=KINDS) as server:
        kinds = taxonomy.ask(store, provider_of(server), arm_id=arm.id, n=6)
        draft = replace(drafts.technique("taxonomy", task, labels), attributes={"kind": kinds})
        tried = trials.try_prompt(store, arm_id=arm.id, draft=draft, provider=provider_of(server), calls=2)

    assert kinds["glad"] == ["praise that is meant", "thanks to a friend", "Relief after worry", "wit"]
    assert set(kinds) == {"glad", "sad"}
    assert any(kind in tried[0].messages[-1]["content"] for kind in kinds["glad"])


def test_the_answers_are_stored_and_are_no_tries(store: Store, make_arm: Callable[[str], Arm]) -> None:
    arm = make_arm("taxonomy")
    with LlmServer() as server:
        taxonomy.ask(store, provider_of(server), arm_id=arm.id, n=3)

    with store() as session:
        newest = taxonomy.newest(session, arm_id=arm.id)
        rows = list(session.scalars(select(Trial)))
    assert [row.kind for row in rows] == ["kinds", "kinds"]
    assert set(newest) == {"glad", "sad"} and all(len(kinds) == 3 for kinds in newest.values())
    assert len({row.label_id for row in rows}) == 2 and all(row.content for row in rows)


def test_no_kinds_is_said_in_words(store: Store, make_arm: Callable[[str], Arm]) -> None:
    with LlmServer(rate_refusal=1.0) as server, pytest.raises(StudyError, match=r"for 'glad' \(refusal\). Ask again"):
        taxonomy.ask(store, provider_of(server), arm_id=make_arm("taxonomy").id)
