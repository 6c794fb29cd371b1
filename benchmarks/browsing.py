"""How quickly samples are filtered and paged: 100,000 of them from 50,000 answers, on SQLite or PostgreSQL.

    python -m benchmarks.browsing [--arms 10] [--samples 100000] [--database URL]

Builds the database in a temporary folder and prints, for every filter, the milliseconds of a count with the first page
and of a count with the last page, and the bytes of that page as JSON and as Arrow.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.study import browse, tasks
from core.study import store as store_module
from core.study.browse import Filter, Opinion
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Completion, Judgement, Label, Prompt, Sample
from core.study.splits import equal_texts
from core.study.store import Store

WORDS = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split()
LIMIT_MS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", type=int, default=10)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--database", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_module.load({"LITMUS_HOME": folder, "LITMUS_DATABASE": asked.database})
        store = store_module.open_store(settings)
        started = time.monotonic()
        task_id = build(store, arms=asked.arms, n=asked.samples)
        print(f"built in {time.monotonic() - started:.1f} s")
        measure(store, task_id)
        store.close()


def build(store: Store, *, arms: int, n: int) -> int:
    """A task whose arms hold `n` samples in all, two from each answer, a fifth of them rejected and a fifth judged."""
    with store.write() as session:
        study = tasks.study_named(session, "benchmark")
        names = {f"label {place}": "" for place in range(4)}
        task = tasks.make_task(session, study_id=study.id, name="t", question="?", labels=names)
        labels = tasks.labels_of(session, task.id)
        for place in range(arms):
            arm = tasks.make_arm(session, task_id=task.id, name="zero-shot" if place == 0 else f"zero-shot-{place}")
            _fill(session, arm, labels, n=n // arms, rng=random.Random(place))
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("ANALYZE"))  # what the server does by itself within a minute
    return task.id


def _fill(session: Session, arm: Arm, labels: list[Label], *, n: int, rng: random.Random) -> None:
    prompts = [_prompt(session, arm, version) for version in (1, 2, 3)]
    answers = [
        {
            "arm_id": arm.id, "label_id": labels[slot % 4].id, "slot": slot, "prompt_id": rng.choice(prompts),
            "provider": "openai", "model": rng.choice(["model-a", "model-b"]), "finish_reason": "stop", "tokens_in": 1,
            "request": {"messages": [{"role": "user", "content": _text(rng, 200)}]}, "content": _text(rng, 120),
            "tokens_out": 1, "cost_usd": 0.001, "example_ids": [],  "latency_s": 1.0, "created_at": 0.0,
        }
        for slot in range(n // 2)
    ]  # fmt: skip
    session.execute(insert(Completion), answers)
    found = list(session.execute(select(Completion.id, Completion.label_id).where(Completion.arm_id == arm.id)))
    session.execute(insert(Sample), [_sample(arm, found[place // 2], place, rng) for place in range(n)])
    ids = session.execute(select(Sample.id).where(Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT))
    judged = [
        {
            "sample_id": sample_id, "kind": "judge", "judge": "model-c", "label_id": rng.choice(labels).id,
            "request": {"messages": [{"role": "user", "content": _text(rng, 100)}]}, "created_at": 0.0,
        }
        for (sample_id,) in ids if rng.random() < 0.25
    ]  # fmt: skip
    session.execute(insert(Judgement), judged)


def _prompt(session: Session, arm: Arm, version: int) -> int:
    prompt = Prompt(
        arm_id=arm.id, version=version, context="c", generation="g", diversity="d", texts_per_call=2, turns=1,
        examples=0, words=30,
    )  # fmt: skip
    session.add(prompt)
    session.flush()
    return prompt.id


def _sample(arm: Arm, answer: "tuple[int, int]", place: int, rng: random.Random) -> dict[str, object]:
    text = f"{_text(rng, rng.randint(15, 45))} {place}"
    reason = rng.choice(["duplicate text", "over quota", "too short"]) if rng.random() < 0.2 else None
    return {
        "arm_id": arm.id, "label_id": answer[1], "split": Split.TRAIN, "text": text,
        "text_hash": equal_texts.text_hash(text), "status": SampleStatus.REJECTED if reason else SampleStatus.KEPT,
        "reject_reason": reason, "completion_id": answer[0], "part": place % 2, "created_at": 0.0,
    }  # fmt: skip


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def measure(store: Store, task_id: int) -> None:
    """Print one line per filter, and the longest of all."""
    longest = 0.0
    with store() as session:
        started = time.monotonic()
        facets = browse.facets(session, task_id)
        print(f"facets {1000 * (time.monotonic() - started):.0f} ms")
        arm_ids = tuple(int(number) for number in facets.arms["arm_id"])
        label = tasks.labels_of(session, task_id)[0]
        prompt_id = int(facets.prompts["prompt_id"].iloc[0])
    print(f"{'filter':28}{'n':>8}{'first ms':>10}{'last ms':>10}{'JSON kB':>9}{'Arrow kB':>10}")
    for name, wanted in _filters(arm_ids, label.id, prompt_id):
        n, first, _ = _timed(store, wanted, last=False)
        _, last, rows = _timed(store, wanted, last=True)
        longest = max(longest, first, last)
        json_kb, arrow_kb = len(rows.to_json(orient="split")) / 1e3, pa.Table.from_pandas(rows).nbytes / 1e3
        print(f"{name:28}{n:8}{first:10.0f}{last:10.0f}{json_kb:9.0f}{arrow_kb:10.0f}")
    print(f"longest {longest:.0f} ms, allowed {LIMIT_MS} ms")


def _filters(arm_ids: tuple[int, ...], label_id: int, prompt_id: int) -> Iterator[tuple[str, Filter]]:
    yield "all arms", Filter(arm_ids)
    yield "one arm", Filter(arm_ids[:1])
    yield "label", Filter(arm_ids, label_id=label_id)
    for status in SampleStatus:
        yield status, Filter(arm_ids, status=status)
    yield "split", Filter(arm_ids, split=Split.TRAIN)
    yield "reason", Filter(arm_ids, reason="too short")
    yield "prompt version", Filter(arm_ids, prompt_id=prompt_id)
    yield "model", Filter(arm_ids, model="model-b")
    yield "model and kept and label", Filter(arm_ids, model="model-b", status=SampleStatus.KEPT, label_id=label_id)
    for opinion in Opinion:
        yield opinion, Filter(arm_ids, opinion=opinion)
    yield "words, frequent", Filter(arm_ids, words="study")
    yield "words, never there", Filter(arm_ids, words="xylophone quartet")
    yield "words and kept", Filter(arm_ids, words="study", status=SampleStatus.KEPT)


def _timed(store: Store, wanted: Filter, *, last: bool) -> tuple[int, float, pd.DataFrame]:
    """The median of three of what a filter change asks the database: a count and one page, in milliseconds."""
    taken = []
    for _ in range(3):
        started = time.monotonic()
        with store() as session:
            n = browse.count(session, wanted)
            rows = browse.page(session, wanted, number=max(1, -(-n // browse.PAGE)) if last else 1)
        taken.append(1000 * (time.monotonic() - started))
    return n, sorted(taken)[1], rows


if __name__ == "__main__":
    main()
