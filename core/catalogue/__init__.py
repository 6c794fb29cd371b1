"""Paths of the data that ships with Litmus: the sample study, prompts for ten tasks, prices, scores of the paper."""

from pathlib import Path

FOLDER = Path(__file__).parent
SAMPLE_STUDY = FOLDER / "sample" / "study.yaml"
FINISHED_SAMPLE = FOLDER / "sample" / "finished.zip"
PRICES = FOLDER / "prices.json"
TASKS = FOLDER / "tasks"
PUBLISHED = FOLDER / "published.csv"
