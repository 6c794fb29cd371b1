"""A study with at least one row in every table, values that are hard to write, and secrets where none should leave."""

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis.points import Metric
from core.analysis.trust import frozen
from core.study import tasks
from core.study.rows.baselines import Baseline
from core.study.rows.kinds import (
    ArmKind,
    CampaignKind,
    JudgementKind,
    RaterKind,
    Slot,
    Split,
    TrialKind,
    Wording,
)  # fmt: skip
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Reply, Skip
from core.study.rows.study import (
    Batch,
    Completion,
    Continuation,
    Import,
    Job,
    Judgement,
    Prediction,
    Prompt,
    Regrouping,
    Run,
    Sample,
    Study,
    Task,
    Trial,
)  # fmt: skip
from core.study.splits import equal_texts
from tests.finished_study import add_runs, make_task

SECRETS = ("hunter2", "sk-secret", "TOKEN-OF-LINK", "CODE-OF-RATER", "COMPLETE-ME", "/home/ann")
PANEL = ("panel-person-7", "panel-session-9")
ODD = [
    '=1+1 "quoted"',
    "two\r\nlines, and\ra third",
    " \\ a backslash first",
    "'apostrophe",
    "\\",
    "𝔘nicode ✓ שלום",
    "-5",
]


def fill(session: Session, name: str = "whole") -> Study:
    """Store the study; a task of it is in the trash's hidden study, as another study would be."""
    tasks.study_named(session, "another")
    study = tasks.study_named(session, name)
    address = "https://user:hunter2@llm.example/v1?api-key=sk-secret&api-version=2"
    study.config = study.config | {"connection": {"base_url": address, "recordings": "/home/ann/answers.jsonl"}}
    for task_name, loss in {"news": 0.05, "irony": 0.15, "humor": 0.3, "tone": 0.2}.items():
        task = make_task(session, study, task_name, test_texts=60, arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.9 - loss})
        _rate(session, study, task, doubt=loss)
        add_training_texts(session, task, "real")
    _synthesis(session, study, task)
    add_training_texts(session, task, "zero-shot")
    _compare(session, study)
    session.flush()
    return study


def add_training_texts(session: Session, task: Task, name: str) -> None:
    """Give an arm three training texts of each label."""
    arm = tasks.get_arm(session, task, name)
    for label in tasks.labels_of(session, task.id):
        for number in range(3):
            text = f"{name} {label.name} {task.name} to train on {number}"
            session.add(
                Sample(
                    arm_id=arm.id,
                    label_id=label.id,
                    split=Split.TRAIN,
                    text=text,
                    text_hash=equal_texts.text_hash(text),
                )
            )


def _rate(session: Session, study: Study, task: Task, *, doubt: float) -> None:
    campaign = Campaign(
        study_id=study.id, task_id=task.id, name=f"rate {task.name}", kind=CampaignKind.LABEL, token=f"TOKEN-OF-LINK {task.id}",
        settings={"codes": {"complete": "COMPLETE-ME"}},
    )  # fmt: skip
    session.add(campaign)
    session.flush()
    raters = [
        Rater(
            campaign_id=campaign.id, pseudonym=f"r{number}", kind=RaterKind.PERSON, code=f"CODE-OF-RATER {task.id} {number}",
            panel_id=f"panel-person-7{number}", facts={"session": "panel-session-9"},
        )
        for number in range(4)
    ]  # fmt: skip
    tested = session.scalars(select(Sample).join_from(Sample, Run, Run.arm_id == Sample.arm_id).distinct()).all()
    tested = [sample for sample in tested if sample.arm_id == tasks.get_arm(session, task, "real").id]
    items = [
        Item(campaign_id=campaign.id, external_id=f"i{place}", sample_id=one.id) for place, one in enumerate(tested)
    ]
    session.add_all([*raters, *items])
    session.flush()
    labels = {label.id: label.name for label in tasks.labels_of(session, task.id)}
    draws = np.random.default_rng(len(task.name)).random((len(items), len(raters)))
    for row, item in enumerate(items):
        for column, rater in enumerate(raters):
            name = labels[tested[row].label_id]
            other = next(label for label in labels.values() if label != name)
            label = other if draws[row, column] < doubt else name
            session.add(Rating(item_id=item.id, rater_id=rater.id, label=label, duration_ms=1200))


def _synthesis(session: Session, study: Study, task: Task) -> None:
    """Prompts, completions with examples, samples, judgements, a trial, an import, a job and a batch for one arm."""
    arm, label = tasks.get_arm(session, task, "zero-shot"), tasks.labels_of(session, task.id)[0]
    prompt = Prompt(
        arm_id=arm.id, version=1, context="You are =a writer", generation="Write {n}", diversity="", texts_per_call=5,
        turns=1, examples=2, words=20, attributes={"mood": ["glad", "sad"]},
    )  # fmt: skip
    batch = Batch(
        arm_id=arm.id,
        key="sk-secret",
        provider="openai",
        model="m",
        base_url="https://user:hunter2@x.example",
        requests=[],
    )
    job = Job(title="t", command=["-m", "core", "/home/ann"], key="generate:1", slot=Slot.API, study_id=study.id)
    taken = Import(
        arm_id=arm.id,
        file="f.csv",
        sha256="0" * 64,
        options={"rename": {"token": "yes"}},
        read=1,
        kept=1,
        rejected={},
        examples=[],
    )
    session.add_all([prompt, batch, job, taken])
    session.flush()
    shown = session.scalars(
        select(Sample.id).where(Sample.arm_id == tasks.get_arm(session, task, "real").id).order_by(Sample.id).limit(3)
    ).all()
    calls = {
        "provider": "openai",
        "finish_reason": "stop",
        "tokens_in": 1,
        "tokens_out": 2,
        "cost_usd": 0.1 + 0.2,
        "latency_s": 1 / 3,
    }
    answer = Completion(
        arm_id=arm.id, label_id=label.id, slot=0, prompt_id=prompt.id, model="m@https://u:hunter2@y.example/v1?key=sk-secret",
        request={"messages": [{"role": "user", "content": "hi"}]}, content="\n".join(ODD), example_ids=list(shown),
        batch_id=batch.id, **calls,
    )  # fmt: skip
    trial = Trial(
        arm_id=arm.id, label_id=label.id, kind=TrialKind.TRY, draft={"context": ""}, draft_hash="d", model="m", request={},
        content="", request_id="", **calls,
    )  # fmt: skip
    session.add_all([answer, trial])
    session.flush()
    for part, text in enumerate(ODD):
        made = Sample(
            arm_id=arm.id, label_id=label.id, split=Split.TRAIN, text=text, text_hash=equal_texts.text_hash(text),
            completion_id=answer.id, import_id=taken.id, part=part,
        )  # fmt: skip
        session.add(made)
        session.flush()
        session.add(Judgement(sample_id=made.id, kind=JudgementKind.JUDGE, judge="j", label_id=None, content=text))
        session.flush()
    first = shown[0]
    session.add(
        Continuation(
            sample_id=first, model="m@https://u:hunter2@y.example/v1?key=sk-secret", wording=Wording.GUIDED, request={},
            content=ODD[0], finish_reason="stop", tokens_in=1, tokens_out=2, cost_usd=0.1 + 0.2, latency_s=1 / 3,
        )
    )  # fmt: skip
    session.add(
        Baseline(
            arm_id=arm.id, name="tfidf", split=Split.TRAIN, seed=0, n_train=2, config={"stop": "last"}, train_digest="a" * 64,
            test_digest="b" * 64, fingerprint="c" * 64, answers={"0" * 64: [ODD[0], "b"]},
        )
    )  # fmt: skip
    session.add(Regrouping(task_id=task.id, side=Split.TEST, threshold=0.7, moved={"0" * 64: "train"}))
    frozen.freeze(
        session, study, frozen.Decision("Is it as good?", frozen.Headline.GAP, Metric.MACRO_F1, 0.1 + 0.2), now=0
    )
    run = session.scalars(select(Run)).first()
    sure = session.scalars(select(Prediction).limit(1)).one()
    sure.probabilities = [1 / 3, 2 / 3]
    assert run is not None and arm.kind == ArmKind.ZERO_SHOT
    run.job_id, run.facts = job.id, {"torch": "2.13.0", "transformers": "5.23.0", "loss": [[1, 1 / 3]], "device": "cpu"}


def _compare(session: Session, study: Study) -> None:
    """A campaign that compares the tasks, with a skip and an LLM rater's reply."""
    campaign = Campaign(study_id=study.id, name="compare", kind=CampaignKind.COMPARE, token="TOKEN-OF-LINK compare")
    session.add(campaign)
    session.flush()
    known = tasks.tasks(session, study.id)
    people = [
        Rater(campaign_id=campaign.id, pseudonym=f"p{n}", kind=RaterKind.LLM if n == 0 else RaterKind.SIMULATED, code=f"CODE-OF-RATER c{n}",
              facts={"model": "m@https://u:hunter2@z.example/v1"} if n == 0 else {})
        for n in range(6)
    ]  # fmt: skip
    pairs = [(left, right) for left in known for right in known if left.id < right.id]
    items = [
        Item(campaign_id=campaign.id, external_id=f"{left.id}-{right.id}", left_task_id=left.id, right_task_id=right.id)
        for left, right in pairs
    ]
    session.add_all([*people, *items])
    session.flush()
    for place, (left, right) in enumerate(pairs):
        for number, rater in enumerate(people[1:]):
            winner = "right" if (place + number) % 3 else "left"
            session.add(
                Comparison(
                    campaign_id=campaign.id, rater_id=rater.id, winner=winner, left_task_id=left.id, right_task_id=right.id,
                    item_id=items[place].id,
                )
            )  # fmt: skip
    session.add(Skip(item_id=items[0].id, rater_id=people[0].id, reason=""))
    session.add(
        Reply(
            item_id=items[1].id, rater_id=people[0].id, request={}, content="left", finish_reason="stop", tokens_in=1,
            tokens_out=1, cost_usd=None, latency_s=0.5,
        )
    )  # fmt: skip
