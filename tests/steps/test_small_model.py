"""A small packaged model gets a prompt that it can follow; any other model gets the usual one."""

from core.llm.connection import Connection
from core.steps import generate
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Label, Task
from core.synthesis.prompts import versions

TASK = Task(study_id=1, name="mood", question="Glad or sad?")
LABELS = [Label(task_id=1, name="glad", description="a letter of a pleased writer"), Label(task_id=1, name="sad")]
SMALL = Connection(provider="local", models=("smollm2",))
LARGE = Connection(models=("gpt-4o-mini",))


def test_a_small_model_is_asked_in_one_line_for_one_text() -> None:
    draft = generate.first_draft(TASK, LABELS, kind=ArmKind.ZERO_SHOT, wanted=SMALL)

    versions.check(draft, labels=["glad", "sad"])
    (message,) = versions.render(draft, task=TASK, label=LABELS[0], labels=LABELS)
    assert message["content"].startswith("Write one text: a letter of a pleased writer. At most 30 words.")
    assert draft.texts_per_call == 1


def test_a_small_model_sees_examples_in_a_few_shot_arm_and_others_are_asked_for_ten_texts() -> None:
    few = generate.first_draft(TASK, LABELS, kind=ArmKind.FEW_SHOT, wanted=SMALL)
    large = generate.first_draft(TASK, LABELS, kind=ArmKind.ZERO_SHOT, wanted=LARGE)

    assert (few.examples, few.texts_per_call, large.texts_per_call) == (3, 1, 10)
