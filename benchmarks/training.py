"""How quickly a sweep trains beside a tuned `transformers.Trainer`, and how quickly jobs start and are listed.

    python -m benchmarks.training [--csv FILE] [--runs 6] [--steps 100] [--short-runs 12]

`--csv`: a table text,label,split; by default the headlines of the sample study. Both sides train MiniLM with batches of 32, the
same number of steps and the same seeds, on all processor cores, and are timed from the start of the process to the last prediction:
- the sweep as it runs from the dashboard: runner, one job for each slot, checkpoints, predictions stored;
- one process with `Trainer`: padding to the longest text of a batch, batches of similar length, bf16, fused AdamW,
  nothing logged or saved.
Then a sweep of short runs beside as many processes one after another; the memory of an idle runner; the seconds until a queued job runs;
and the seconds in which 300 queued jobs are listed. The rate of matrix products in bf16 and fp32 says what the processor can do.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil

from core import catalogue
from core import settings as settings_module
from core.jobs import queue, runner
from core.settings import Settings
from core.steps import train
from core.study import store as store_module
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState, Slot
from core.study.rows.study import Study, Task
from core.study.store import Store
from core.training import runs
from core.training.settings import training_settings

ENCODER, BATCH, MOST_TOKENS, RATE = "minilm", 32, 128, 5e-5
HEADLINES = catalogue.SAMPLE_STUDY.parent / "headline_sarcasm" / "real.csv"
PEER = """
import json, sys, numpy as np, pandas as pd, torch
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments, set_seed
from core import encoders
path, seeds, steps = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
table = pd.read_csv(path); labels = sorted(table["label"].unique()); place = encoders.resolve("minilm")
tokenizer = AutoTokenizer.from_pretrained(place); scores = []
def rows(split):
    own = table[table["split"] == split]
    ids = tokenizer(own["text"].tolist(), truncation=True, max_length=128)["input_ids"]
    return [{"input_ids": i, "labels": labels.index(l), "length": len(i)} for i, l in zip(ids, own["label"])]
train, test = rows("train"), rows("test")
for seed in seeds:
    set_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(place, num_labels=len(labels))
    wanted = dict(output_dir="unused", max_steps=steps, per_device_train_batch_size=32, per_device_eval_batch_size=64, learning_rate=5e-5,
        warmup_ratio=0.1, weight_decay=0.01, bf16=True, use_cpu=True, optim="adamw_torch_fused", save_strategy="no", logging_strategy="no",
        report_to=[], seed=seed, disable_tqdm=True, dataloader_num_workers=0)
    for grouping in ({"train_sampling_strategy": "group_by_length"}, {"group_by_length": True}):
        try: arguments = TrainingArguments(**wanted, **grouping); break
        except TypeError: continue
    trainer = Trainer(model=model, args=arguments, train_dataset=train, data_collator=DataCollatorWithPadding(tokenizer))
    trainer.train()
    answers = trainer.predict(test).predictions.argmax(1)
    scores.append(f1_score([row["labels"] for row in test], answers, average="macro"))
print(json.dumps(scores))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, default=None)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--short-runs", type=int, default=12)
    asked = parser.parse_args()
    _matrix_rates()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        table = _table(asked.csv or HEADLINES, home / "texts.csv")
        _beside_trainer(home, table, runs_wanted=asked.runs, steps=asked.steps)
        _short_runs(home, table, n=asked.short_runs)
        _jobs(home)


def _beside_trainer(home: Path, table: Path, *, runs_wanted: int, steps: int) -> None:
    began = time.monotonic()
    command = [sys.executable, "-c", PEER, str(table), json.dumps(list(range(runs_wanted))), str(steps)]
    done = subprocess.run(command, cwd=home, env=_environ(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    theirs, their_scores = time.monotonic() - began, json.loads(done.stdout.strip().splitlines()[-1])
    ours, our_scores = _sweep(home / "sweep", table, runs_wanted=runs_wanted, steps=steps)
    texts = runs_wanted * steps * BATCH
    print(f"\n{runs_wanted} runs of {steps} steps: macro-F1 {_mean(our_scores)}, Trainer {_mean(their_scores)}")
    print(
        f"sweep {ours:.0f} s ({texts / ours:.0f} texts/s), Trainer {theirs:.0f} s ({texts / theirs:.0f} texts/s): {theirs / ours:.2f} times"
    )


def _short_runs(home: Path, table: Path, *, n: int) -> None:
    together, _ = _sweep(home / "together", table, runs_wanted=n, steps=10)
    settings, store, study, task = _study(home / "apart", table)
    with store.write() as session:
        queued = train.queue_training(session, settings, study=study, request=_request(task, store, n, 10))
        ids = queued.run_ids
    began = time.monotonic()
    for id in ids:
        command = [sys.executable, "-m", "core", "train-runs", "--runs", str(id)]
        subprocess.run(command, env=_environ(settings.home), capture_output=True, check=True)
    apart = time.monotonic() - began
    print(
        f"\n{n} runs of 10 steps: sweep {together:.0f} s, one process after another {apart:.0f} s: {apart / together:.1f} times"
    )


def _jobs(home: Path) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(home / "jobs"), "LITMUS_SLOTS": "1", "LITMUS_GPUS": "0"})
    store = store_module.open_store(settings)
    runner.ensure(settings, idle=60)
    time.sleep(5)
    found = [
        each for each in psutil.process_iter(["cmdline"]) if "core.jobs.runner" in " ".join(each.info["cmdline"] or [])
    ]
    ours = [each for each in found if each.environ().get("LITMUS_HOME") == str(settings.home)]
    print(f"\nidle runner: {max((each.memory_info().rss for each in ours), default=0) / 1e6:.0f} MB")
    with store.write() as session:
        job = queue.enqueue(session, title="Wait", key="wait:1", command=["-m", "core", "--help"], slot=Slot.CPU)
    began = time.monotonic()
    while True:
        with store() as session:
            if queue.get(session, job.id).state != JobState.QUEUED:
                break
        time.sleep(0.01)
    print(f"a queued job starts after {time.monotonic() - began:.2f} s")
    for process in ours:
        process.kill()
    with store.write() as session:
        for number in range(300):
            queue.enqueue(session, title="Wait", key=f"wait:{number + 2}", command=["-m", "core"], slot=Slot.CPU)
    began = time.monotonic()
    with store() as session:
        n = len(queue.rows(session, limit=None))
    print(f"{n} jobs are listed in {1000 * (time.monotonic() - began):.0f} ms")


def _sweep(home: Path, table: Path, *, runs_wanted: int, steps: int) -> tuple[float, list[float]]:
    """Seconds from the queueing of a sweep to its end, and its scores."""
    settings, store, study, task = _study(home, table)
    began = time.monotonic()
    with store.write() as session:
        train.queue_training(session, settings, study=study, request=_request(task, store, runs_wanted, steps))
    runner.ensure(settings, idle=5)
    while True:
        with store() as session:
            if not any(job.state in ACTIVE_JOB_STATES for job in queue.rows(session)):
                break
        time.sleep(0.2)
    seconds = time.monotonic() - began
    with store() as session:
        return seconds, runs.scores(session, study.id)["macro_f1"].tolist()


def _study(home: Path, table: Path) -> tuple[Settings, Store, Study, Task]:
    settings = settings_module.load({"LITMUS_HOME": str(home), "LITMUS_GPUS": "0"})
    store = store_module.open_store(settings)
    read = tables.read(table)
    with store.write() as session:
        study = tasks.study_named(session, "speed")
        labels = importing.real_labels(read, importing.Options())
        task = tasks.make_task(session, study_id=study.id, name="task", question="?", labels=labels)
        arm = tasks.make_arm(session, task_id=task.id, name="real")
        importing.bring_in(session, task=task, arm=arm, table=read, options=importing.Options())
    return settings, store, study, task


def _request(task: Task, store: Store, runs_wanted: int, steps: int) -> train.TrainingRequest:
    with store() as session:
        arms = tasks.arms(session, task.id)
    chosen = training_settings(
        {"steps": steps, "batch_size": BATCH, "learning_rate": RATE, "max_length": MOST_TOKENS, "balance": "natural"}
    )
    return train.TrainingRequest([task], arms, [ENCODER], range(runs_wanted), chosen)


def _table(source: Path, target: Path) -> Path:
    """The texts with their splits; a text without one is for testing in one of four cases."""
    table = pd.read_csv(source)
    if "split" not in table:
        table["split"] = ["test" if place % 4 == 0 else "train" for place in range(len(table))]
    table[["text", "label", "split"]].to_csv(target, index=False)
    print(f"{len(table):,} texts of {source.name}, {table['text'].str.split().str.len().median():.0f} words each")
    return target


def _matrix_rates() -> None:
    code = (
        "import torch, time\n"
        "for dtype in (torch.bfloat16, torch.float32):\n"
        "    a = torch.randn(1024, 1024).to(dtype); a @ a; t = time.monotonic()\n"
        "    for _ in range(40): a @ a\n"
        "    print(dtype, round(40 * 2 * 1024**3 / (time.monotonic() - t) / 1e9), 'GFLOP/s on', torch.get_num_threads(), 'threads')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _environ(home: Path | None = None) -> dict[str, str]:
    ours = {"LITMUS_HOME": str(home)} if home else {}
    return {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "HF_HUB_OFFLINE": "1",
        "LITMUS_GPUS": "0",
        **ours,
    }


def _mean(scores: list[float]) -> str:
    return f"{sum(scores) / len(scores):.3f}"


if __name__ == "__main__":
    main()
