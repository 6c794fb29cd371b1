"""Simulate the ratings and comparisons of the sample study: python -m core.catalogue.sample.simulate_raters

No person gave these answers. Every test text has a `clarity`, the share of readers that its author expected to choose
its label. Five of fifteen simulated raters label each text and choose its label with probability `clarity`. Twenty
simulated raters compare every pair of tasks by a Bradley-Terry model with the strengths in `STRENGTHS`. Test texts
that came after the first edition draw from a generator of their own, so that all earlier ratings stay as they were.
"""

import csv
import itertools
import math
import random
from pathlib import Path

FOLDER = Path(__file__).parent
STRENGTHS = {"newspaper_section": -1.6, "message_spam": -0.6, "film_sentiment": 0.5, "headline_sarcasm": 1.7}
FIRST_EDITION = {"film_sentiment": 74}  # test texts of the first edition, for tasks that have later ones
SEED = 20231206


def main(folder: Path = FOLDER) -> None:
    """Write the ratings of every task's test texts, `folder`/TASK/real.csv, beside them, and `folder`/comparisons.csv."""
    rng = random.Random(SEED)
    for task in STRENGTHS:
        ratings = _ratings(folder, task, rng)
        _write(folder / task / "ratings.csv", ["item_id", "text", "rater_id", "label"], ratings)
    _write(folder / "comparisons.csv", ["rater_id", "left", "right", "winner"], _comparisons(rng))


def _ratings(folder: Path, task: str, rng: random.Random) -> list[list[str]]:
    with (folder / task / "real.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    labels = sorted({row["label"] for row in rows})
    raters = [f"simulated-{number:02d}" for number in range(1, 16)]
    first = FIRST_EDITION.get(task, len(rows))
    generators = [rng] * first + [random.Random(f"{SEED} {task}")] * (len(rows) - first)
    return [
        [f"{task}-{number:03d}", row["text"], rater, _choice(row["label"], float(row["clarity"]), labels, generator)]
        for number, (row, generator) in enumerate(zip(rows, generators, strict=True), start=1)
        for rater in sorted(generator.sample(raters, 5))
    ]


def _choice(label: str, clarity: float, labels: list[str], rng: random.Random) -> str:
    return label if rng.random() < clarity else rng.choice([other for other in labels if other != label])


def _comparisons(rng: random.Random) -> list[list[str]]:
    rows = []
    for number in range(1, 21):
        for pair in itertools.combinations(STRENGTHS, 2):
            left, right = rng.sample(pair, 2)
            more = 1 / (1 + math.exp(STRENGTHS[right] - STRENGTHS[left]))
            rows.append([f"simulated-{number:02d}", left, right, "left" if rng.random() < more else "right"])
    return rows


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    main()
