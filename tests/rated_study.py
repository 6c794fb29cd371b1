"""Ratings and comparisons for stored studies, and a study of ten tasks and five arms: made without raters and without training."""

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.kinds import CampaignKind, RaterKind, Split
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.rows.study import Completion, Label, Prompt, Sample, Study, Task
from core.study.splits import equal_texts
from tests.finished_study import add_runs, make_task

FIVE_ARMS = ("zero-shot", "zero-shot-persona", "few-shot", "few-shot-long", "mixed")
TEN_TASKS = {
    "news_topic": 0.01, "spam": 0.02, "financial_phrasebank_sentiment": 0.06, "question_type": 0.05, "film_sentiment": 0.1,
    "tweet_emotion": 0.16, "tweet_irony_detection": 0.2, "headline_sarcasm": 0.27, "humour_speech": 0.28,
    "hate_or_offensive_language_of_comments": 0.34,
}  # fmt: skip


def add_ratings(session: Session, task: Task, *, noise: float, raters: int = 5, texts: int | None = None) -> None:
    """People's labels of a task's test texts: each rater gives another label than the text's own with the probability `noise`
    on every second text, and 0 on the others."""
    campaign = Campaign(study_id=task.study_id, name=f"labels {task.name}", kind=CampaignKind.LABEL, token=task.name)
    campaign.task_id = task.id
    session.add(campaign)
    session.flush()
    people = _raters(session, campaign, raters)
    names = [label.name for label in tasks.labels_of(session, task.id)]
    real = tasks.get_arm(session, task, "real")
    query = select(Sample.id, Label.name).join(Label, Label.id == Sample.label_id)
    tested = session.execute(
        query.where(Sample.arm_id == real.id, Sample.split == Split.TEST).order_by(Sample.id)
    ).all()
    rng = np.random.default_rng(task.id)
    for number, (sample_id, own) in enumerate(tested[:texts]):
        item = Item(campaign_id=campaign.id, external_id=str(number), sample_id=sample_id)
        session.add(item)
        session.flush()
        others = [name for name in names if name != own]
        for person in people:
            is_other = number % 4 > 1 and rng.random() < noise
            given = str(rng.choice(others)) if is_other else own
            session.add(Rating(item_id=item.id, rater_id=person.id, label=given))
    session.flush()


def add_comparisons(session: Session, study: Study, order: list[Task], *, raters: int = 6) -> None:
    """Every pair of tasks compared by each rater, who finds the later task of `order` more subjective, save for some ties."""
    campaign = Campaign(study_id=study.id, name="which", kind=CampaignKind.COMPARE, token=f"compare {study.id}")
    session.add(campaign)
    session.flush()
    for place, person in enumerate(_raters(session, campaign, raters)):
        for row, left in enumerate(order):
            for step, right in enumerate(order[row + 1 :]):
                winner = ("right", "tie", "left")[1 if place == step else 2 if place == raters - 1 and not step else 0]
                session.add(
                    Comparison(campaign_id=campaign.id, rater_id=person.id, winner=winner, left_task_id=left.id,
                               right_task_id=right.id)
                )  # fmt: skip
    session.flush()


def add_generated(session: Session, task: Task, arm: str, *, texts: int = 6) -> None:
    """A prompt version of an arm, and texts of both labels that answers to this prompt held, one each."""
    own = tasks.get_arm(session, task, arm)
    prompt = Prompt(
        arm_id=own.id, version=1, context="You write texts.", generation="Write a text that is {label}.", diversity="",
        texts_per_call=1, turns=1, examples=0, words=20,
    )  # fmt: skip
    session.add(prompt)
    session.flush()
    labels = tasks.labels_of(session, task.id)
    for number in range(texts):
        label = labels[number % len(labels)]
        text = f"{arm} text {number} of {task.name}"
        answer = Completion(
            arm_id=own.id, label_id=label.id, slot=number, prompt_id=prompt.id, provider="test", model="writer", request={},
            content=text, finish_reason="stop", tokens_in=10, tokens_out=10, cost_usd=0.0, latency_s=0.1,
        )  # fmt: skip
        session.add(answer)
        session.flush()
        session.add(
            Sample(arm_id=own.id, label_id=label.id, split=Split.TRAIN, text=text, text_hash=equal_texts.text_hash(text),
                   completion_id=answer.id)
        )  # fmt: skip
    session.flush()


def ten_tasks(session: Session, *, encoders: tuple[str, ...] = ("minilm",), test_texts: int = 60) -> Study:
    """A study of ten tasks and five arms, whose arms lose more on the tasks that raters agree less about."""
    study = tasks.study_named(session, "ten tasks")
    for name, loss in TEN_TASKS.items():
        task = make_task(session, study, name, arms=FIVE_ARMS, test_texts=test_texts)
        right = {arm: 0.92 - loss * share for arm, share in zip(FIVE_ARMS, (1, 0.8, 0.6, 0.5, 0.2), strict=True)}
        for encoder in encoders:
            add_runs(session, task, {"real": 0.92} | right, steps=100, encoder=encoder, seeds=3)
        add_ratings(session, task, noise=1.4 * loss)
        add_generated(session, task, "zero-shot")
    return study


def _raters(session: Session, campaign: Campaign, n: int) -> list[Rater]:
    people = [
        Rater(campaign_id=campaign.id, pseudonym=f"rater {n}", kind=RaterKind.PERSON, code=f"{campaign.id}-{n}")
        for n in range(n)
    ]
    session.add_all(people)
    session.flush()
    return people
