"""The files that redo a study: `study.yaml`, its texts, and its ratings and comparisons."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis.reports.pack import as_trained, beyond
from core.study import tasks
from core.study.exchange import spreadsheets
from core.study.exchange.data_set import exporting
from core.study.rows.kinds import ArmKind, CampaignKind
from core.study.rows.sessions import Campaign
from core.study.rows.study import Study, Task
from core.subjectivity import ratings
from core.subjectivity.exchange import long_form
from core.subjectivity.sessions import answers

NAME = "study.yaml"
COLUMNS = ["arm", "text", "label", "split", "weight"]
HEAD = """# Redoes the study with the very texts and answers of the original: python -m core run study.yaml
# Texts that an LLM wrote are read from data/; the prompts that asked for them are in prompts.md.
"""


def write(session: Session, study: Study, folder: Path) -> tuple[list[Path], list[str]]:
    """Write `study.yaml` and its data into a folder; return the paths, and a sentence for everything that is not in them.

    Tasks without real texts are left out, since a study file needs them. Answers of excluded raters, of LLM raters and of
    attention checks are left out; ratings on a scale and comparisons of texts cannot stand in a study file. There is no
    study file if no task has real texts.
    """
    known = tasks.tasks(session, study.id)
    runs = as_trained.read(session, study)
    arms: set[tuple[int, str]] = set()
    left_out: list[str] = []
    paths: list[Path] = []
    described: dict[str, Any] = {}
    for place, task in enumerate(known, start=1):
        name = f"{place:02d}-{re.sub(r'[^A-Za-z0-9_-]+', '-', task.name).strip('-')[:60] or 'task'}"
        texts = _texts(session, task)
        if not (texts["arm"] == ArmKind.REAL).any():
            left_out.append(f"{task.name} has no real texts, so {NAME} leaves it out.")
            continue
        paths.append(_csv(texts, folder / "data" / f"{name}.csv"))
        described[task.name] = _task(session, task, texts, f"data/{name}.csv")
        arms |= {(task.id, arm) for arm in (ArmKind.REAL, *described[task.name]["arms"])}
        size, not_said = as_trained.train_size(runs, task, texts, labels=len(described[task.name]["labels"]))
        trained, not_said_of_curve = beyond.curve(session, task, tasks.DEFAULT_CONFIG | runs.keys)
        described[task.name] |= size | ({"curve": trained} if trained else {})
        left_out += [*not_said, *not_said_of_curve]
        rated = _ratings(session, study, task)
        if not rated.empty:
            paths.append(_csv(rated, folder / "data" / f"{name}.ratings.csv"))
            described[task.name]["ratings"] = {"file": f"data/{name}.ratings.csv", "keep_labels": True}
    if not described:
        return [], left_out
    kept, not_said = beyond.keep_models(session, study)
    left_out += [*not_said, *as_trained.sentences(runs, arms)]
    sample = {"sample": True} if study.is_sample else {}
    content: dict[str, Any] = {"study": study.name, **runs.keys, **sample, **kept, "tasks": described}
    compared = _comparisons(session, study, list(described))
    if not compared.empty:
        paths.append(_csv(compared, folder / "data" / "comparisons.csv"))
        content["comparisons"] = {"file": "data/comparisons.csv"}
    path = folder / NAME
    path.write_text(HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return [path, *paths], left_out + _not_in_a_file(session, study)


def _task(session: Session, task: Task, texts: pd.DataFrame, file: str) -> dict[str, Any]:
    """The entry of a task."""
    arms = [
        arm.name
        for arm in tasks.arms(session, task.id)
        if arm.kind != ArmKind.REAL and (texts["arm"] == arm.name).any()
    ]
    found: dict[str, Any] = {
        "question": task.question,
        "labels": {label.name: label.description for label in tasks.labels_of(session, task.id)},
        "real": _file(file, "real"),
        "arms": {arm: _file(file, arm) for arm in arms},
    }
    return found | ({"train_size": task.train_size} if task.train_size else {})


def _file(file: str, arm: str) -> dict[str, Any]:
    return {"file": file, "where": {"arm": arm}, "keep_labels": True}


def _texts(session: Session, task: Task) -> pd.DataFrame:
    """The kept texts of all arms of a task: columns `COLUMNS`, the last one only if a text has a weight."""
    frames = [exporting.rows(session, task=task, arm=arm)[COLUMNS] for arm in tasks.arms(session, task.id)]
    frames = [frame.drop(columns="weight") if frame["weight"].isna().all() else frame for frame in frames]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def _ratings(session: Session, study: Study, task: Task) -> pd.DataFrame:
    """The labels that people gave to texts of a task, over all its campaigns; an item is named by campaign and item."""
    frames = [_answers(session, campaign, study) for campaign in _campaigns(session, study, CampaignKind.LABEL, task)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _comparisons(session: Session, study: Study, names: list[str]) -> pd.DataFrame:
    """The comparisons between the named tasks, over all campaigns."""
    frames = [_answers(session, campaign, study) for campaign in _campaigns(session, study, CampaignKind.COMPARE)]
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["left", "right"])
    return found[found["left"].isin(names) & found["right"].isin(names)]


def _campaigns(session: Session, study: Study, kind: CampaignKind, task: Task | None = None) -> list[Campaign]:
    query = select(Campaign).where(Campaign.study_id == study.id, Campaign.kind == kind).order_by(Campaign.id)
    return list(session.scalars(query if task is None else query.where(Campaign.task_id == task.id)))


def _answers(session: Session, campaign: Campaign, study: Study) -> pd.DataFrame:
    """The counted answers of people in a campaign in long form, with names of raters and items that are unique in the study."""
    counted = answers.counted(session, campaign, kinds=ratings.people(study))
    if "sample_id" in counted.columns:
        named = zip(counted["sample_id"], counted["item_id"], strict=True)
        counted["item_id"] = [f"text-{sample:.0f}" if sample == sample else f"item-{item}" for sample, item in named]
    long = long_form.comparisons if campaign.kind == CampaignKind.COMPARE else long_form.labels
    table = long(counted, names=long_form.Names.LITMUS)
    columns = [
        name
        for name in ("item_id", "text", "rater_id", "label", "left", "right", "winner", "kind")
        if name in table.columns
    ]
    table = table[columns].copy()
    table["rater_id"] = f"campaign-{campaign.id}-" + table["rater_id"].astype(str)
    return table


def _csv(table: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(spreadsheets.plain_csv(table), encoding="utf-8", newline="")
    return path


def _not_in_a_file(session: Session, study: Study) -> list[str]:
    """A sentence for the answers that a study file has no place for."""
    other = [
        campaign.name
        for kind in (CampaignKind.SCALE, CampaignKind.COMPARE_ITEMS)
        for campaign in _campaigns(session, study, kind)
    ]
    return [f"{NAME} has no place for the campaign {name}; the export of the whole study has it." for name in other]
