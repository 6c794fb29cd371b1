"""A small task with real and synthetic texts, for the tests of browsing, judging, exporting and the hub."""

from dataclasses import dataclass

import pytest

from core.study import tasks
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Batch, Completion, Import, Label, Prompt, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store


@dataclass(frozen=True)
class Letters:
    """Task `mood` with a real arm (2 train, 2 pool, 2 test texts) and a few-shot arm of two completions.

    Completion 1 (version 1, model-a, label glad) showed both pool texts and holds two kept texts and one text that
    is too short; completion 2 (version 2, model-b, label sad, from a batch) holds one kept text.
    """

    task: Task
    labels: dict[str, Label]
    real: Arm
    made: Arm
    prompts: list[Prompt]
    completions: list[Completion]
    texts: dict[str, Sample]


@pytest.fixture
def letters(store: Store) -> Letters:
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        described = {"glad": "the writer is happy", "sad": "the writer is unhappy"}
        task = tasks.make_task(session, study_id=study.id, name="mood", question="How is it?", labels=described)
        labels = {label.name: label for label in tasks.labels_of(session, task.id)}
        real = tasks.make_arm(session, task_id=task.id, name="real")
        made = tasks.make_arm(session, task_id=task.id, name="few-shot")
        record = Import(
            arm_id=real.id, file="real.csv", sha256="0" * 64, options={}, read=6, kept=6, rejected={}, examples=[]
        )
        session.add(record)
        session.flush()
        texts = {}
        for split in (Split.TRAIN, Split.POOL, Split.TEST):
            for name, label in labels.items():
                text = f"A real {split} text, {name}"
                texts[f"{split} {name}"] = _sample(real, label, text, split=split, import_id=record.id)
        session.add_all(texts.values())
        session.flush()
        prompts = [_prompt(made, version) for version in (1, 2)]
        batch = Batch(arm_id=made.id, key="k", provider="openai", model="model-b", base_url="http://x/v1", requests=[])
        session.add_all([*prompts, batch])
        session.flush()
        completions = [
            _completion(
                made, labels["glad"], prompts[0], 0, model="model-a", shown=["pool glad", "pool sad"], texts=texts
            ),
            _completion(made, labels["sad"], prompts[1], 0, model="model-b", shown=[], texts=texts),
        ]
        completions[1].batch_id = batch.id
        session.add_all(completions)
        session.flush()
        first, second = (completion.id for completion in completions)
        texts["one"] = _sample(made, labels["glad"], "=What a FINE Étude day", completion_id=first, part=0)
        texts["two"] = _sample(made, labels["glad"], "Everything went well " * 40, completion_id=first, part=1)
        texts["short"] = _sample(made, labels["glad"], "Yay", completion_id=first, part=2, reason="too short")
        texts["three"] = _sample(made, labels["sad"], "Nothing went well", completion_id=second, part=0)
        session.add_all(texts.values())
        session.flush()
    return Letters(task, labels, real, made, prompts, completions, texts)


def _sample(arm: Arm, label: Label, text: str, *, reason: str | None = None, **more: object) -> Sample:
    given = {"split": Split.TRAIN} | more
    status = SampleStatus.REJECTED if reason else SampleStatus.KEPT
    return Sample(
        arm_id=arm.id, label_id=label.id, text=text, text_hash=equal_texts.text_hash(text), status=status,
        reject_reason=reason, **given,
    )  # fmt: skip


def _prompt(arm: Arm, version: int) -> Prompt:
    return Prompt(
        arm_id=arm.id, version=version, context="You write letters.", generation=f"Write {{n}} letters, {version}.",
        diversity="", texts_per_call=3, turns=1, examples=2, words=20,
    )  # fmt: skip


def _completion(
    arm: Arm, label: Label, prompt: Prompt, slot: int, *, model: str, shown: list[str], texts: dict[str, Sample]
) -> Completion:
    return Completion(
        arm_id=arm.id, label_id=label.id, slot=slot, prompt_id=prompt.id, provider="openai", model=model,
        request={"model": model, "messages": [{"role": "user", "content": "Write."}]}, content="1. A letter",
        finish_reason="stop", tokens_in=10, tokens_out=20, cost_usd=0.5, latency_s=1.0, attributes={"style": "plain"},
        example_ids=[texts[name].id for name in shown], parsed_at=1.0,
    )  # fmt: skip
