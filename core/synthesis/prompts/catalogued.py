"""Prompts of the catalogue: the ten tasks of the study that Litmus follows, each with drafts written for it."""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import catalogue
from core.errors import StudyError
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Label, Task
from core.synthesis.prompts import drafts
from core.synthesis.prompts.drafts import Draft

MOST_TEXTS = {"attributes": 5, "taxonomy": 5, "rewrite": 3}


class CatalogueTask(BaseModel):
    """A task of the catalogue, after Li et al. (EMNLP 2023), in the wording of Litmus.

    `request` asks for texts of a label; `zero_shot` and `few_shot` say what the texts should be like. `attributes` maps
    names of attributes to suggested values, or to values by label. `label_note` says what is known about the label set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    aliases: list[str] = Field(min_length=1)
    question: str
    domain: str
    source: str
    labels: dict[str, str] = Field(min_length=2)
    label_note: str
    words: int = Field(ge=1, le=2000)
    texts_per_call: int = Field(ge=1, le=100)
    context: str
    request: str
    zero_shot: str
    few_shot: str
    diversity: str
    attributes: dict[str, list[str] | dict[str, list[str]]]

    def draft(self, technique: str = "zero-shot") -> Draft:
        """The draft of a technique, written for this task. Raises `StudyError` for an unknown technique."""
        endings = {
            "zero-shot": self.zero_shot + "\n",
            "few-shot": self.few_shot + "\n",
            "attributes": drafts.ATTRIBUTES.lstrip(),
            "taxonomy": drafts.TAXONOMY.lstrip(),
            "rewrite": drafts.REWRITE.lstrip(),
        }
        if technique not in endings:
            raise StudyError(f"There is no technique {technique!r}. Known are {', '.join(drafts.TECHNIQUES)}.")
        return Draft(
            context=self.context,
            generation=f"{self.request}\n\n{endings[technique]}{drafts.FORMAT}",
            diversity=self.diversity,
            texts_per_call=min(MOST_TEXTS.get(technique, 100), self.texts_per_call),
            turns=3 if technique == "zero-shot" else 1,
            examples=3 if technique == "few-shot" else 0,
            words=self.words,
            sources=min(3, self.texts_per_call) if technique == "rewrite" else 0,
            attributes=self._attributes(technique),
        )

    def _attributes(self, technique: str) -> dict[str, Any]:
        if technique == "taxonomy":
            return {"kind": {label: [] for label in self.labels}}
        return dict(self.attributes) if technique == "attributes" else {}


@functools.cache
def catalogue_tasks() -> tuple[CatalogueTask, ...]:
    """The tasks of the catalogue, sorted by file name. Raises `StudyError` that names the file that cannot be read."""
    found = []
    for path in sorted(catalogue.TASKS.glob("*.yaml")):
        try:
            found.append(CatalogueTask.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))))
        except (yaml.YAMLError, ValidationError) as error:
            said = " ".join(str(error).split())[:200]
            raise StudyError(f"The catalogue task {path.name} cannot be read: {said}. Correct it.") from error
    return tuple(found)


def for_task(task: Task, labels: Sequence[Label]) -> CatalogueTask | None:
    """The entry of the catalogue for a task, found by the task's name (`AG News`, `ag-news-2k`, ...); None if not found.

    The entry has the labels and the question of the task. Attributes by label are left out if the catalogue names other
    labels.
    """
    name = _plain(task.name)
    known = [
        (len(_plain(alias)), entry) for entry in catalogue_tasks() for alias in entry.aliases if _plain(alias) in name
    ]
    if not known:
        return None
    entry = max(known, key=lambda pair: pair[0])[1]
    own = {label.name: label.description or entry.labels.get(label.name, "") for label in labels}
    kept = {
        name: values for name, values in entry.attributes.items() if isinstance(values, list) or set(values) == set(own)
    }
    return entry.model_copy(update={"labels": own, "question": task.question or entry.question, "attributes": kept})


def called(name: str) -> CatalogueTask | None:
    """The entry of the catalogue whose name, title or alias is this name, apart from case, spaces and signs; None without one."""
    plain = _plain(name)
    return next(
        (entry for entry in catalogue_tasks() if plain in map(_plain, (entry.name, entry.title, *entry.aliases))), None
    )


def ready(
    task: Task,
    labels: Sequence[Label],
    *,
    kind: ArmKind,
    technique: str | None = None,
    prompt: Mapping[str, str | None] | None = None,
    **changes: Any,
) -> Draft:
    """The draft that a study file asks for: the draft of a technique with some parts changed.

    Without a technique, the technique is "rewrite" if there are sources, else that of the arm's kind. The technique
    "catalogue" chooses alike, from the drafts of the catalogue for this task. `prompt` and `changes` hold new parts and
    settings by name; None leaves a part as it is. The draft shows its attributes even if the technique has no place for
    attributes. Raises `StudyError` if technique or catalogue entry are unknown.
    """
    parts = {name: value for name, value in {**(prompt or {}), **changes}.items() if value is not None}
    of_kind = "rewrite" if parts.get("sources") else "few-shot" if kind == ArmKind.FEW_SHOT else "zero-shot"
    chosen = of_kind if technique in (None, "catalogue") else str(technique)
    draft = _entry(task, labels).draft(chosen) if technique == "catalogue" else drafts.technique(chosen, task, labels)
    if parts.get("sources") or parts.get("attributes"):
        parts.setdefault("turns", 1)
    if chosen == "rewrite" and "sources" in parts:
        parts.setdefault("texts_per_call", parts["sources"])
    changed = replace(draft, **parts)
    return changed if "generation" in parts else _with_traits(changed)


def _entry(task: Task, labels: Sequence[Label]) -> CatalogueTask:
    """The entry of the catalogue for a task. Raises `StudyError` if the catalogue has no entry for the task."""
    entry = for_task(task, labels)
    if entry is None:
        names = ", ".join(known.name for known in catalogue_tasks())
        raise StudyError(f"The catalogue has no prompts for a task called {task.name!r}. It has {names}.")
    return entry


def _with_traits(draft: Draft) -> Draft:
    """The draft with a list of its attributes added, unless its parts show every attribute already."""
    said = draft.context + draft.generation
    if "{attributes}" in said or all(f"{{{name}}}" in said for name in draft.attributes):
        return draft
    return replace(draft, generation=draft.generation.removesuffix(drafts.FORMAT) + drafts.TRAITS + drafts.FORMAT)


def _plain(name: str) -> str:
    """The letters and digits of a name in lower case, to compare names by."""
    return re.sub(r"[\W_]+", "", name.casefold())
