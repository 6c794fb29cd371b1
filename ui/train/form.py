"""The form of a training: a preset or the study's own choices, encoders, seeds, length and shares of the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.study.rows.study import Arm
from core.training import presets
from core.training.settings import TrainingSettings, training_settings, with_length
from core.wording import counted
from ui.shared.runs import pick_length

OWN = "study"  # the choice of the study's own settings in place of a preset


@dataclass(frozen=True)
class TrainingChoice:
    """What the form asks for: encoders, the number of seeds, the settings, and these in words."""

    encoders: list[str]
    seeds: int
    settings: TrainingSettings
    words: str


def pick_training(config: Mapping[str, Any], arms: Sequence[Arm], *, rated: Mapping[int, int]) -> TrainingChoice:
    """Ask how runs of these arms are trained, beginning with the study's own `config` or with a preset.

    `rated`: the number of training texts with ratings by arm id; without any of these arms, targets cannot be soft.
    """
    name = str(
        st.selectbox(
            "Preset", [OWN, *presets.PRESETS], key="train.preset", width=110, persist_state="session",
            help="study: the settings of this study; paper: those of Li et al. (2023) as far as they are known; quick: the small "
            "bundled encoder",
        )
    )  # fmt: skip
    preset = presets.PRESETS.get(name)
    known: Mapping[str, Any] = config
    if preset:
        known = {"encoders": preset.encoders, "seeds": preset.seeds, "training": preset.training}
    key = f"train.{name}" if preset else "train"  # every preset has fields of its own, which begin with its choices
    encoders = st.multiselect(
        "Encoders",
        list(dict.fromkeys([*known["encoders"], "minilm", "bert-base-uncased", "roberta-base"])),
        default=list(known["encoders"]),
        accept_new_options=True,
        key=f"{key}.encoders",
        width=260,
        persist_state="session",
        help="minilm is bundled; other names are downloaded once from the Hugging Face hub, or give the path of a model",
    )
    seeds = st.number_input(
        "Seeds", 1, 50, len(known["seeds"]), key=f"{key}.seeds", width=110, persist_state="session",
        help="At least three are needed for an interval",
    )  # fmt: skip
    length = pick_length(known["training"], key=key)
    balance = st.selectbox(
        "Class shares",
        ["equal", "natural"],
        index=int(known["training"].get("balance") == "natural"),
        key=f"{key}.balance",
        width=130,
        persist_state="session",
        help="equal: equally many texts of each label in every arm; natural: each arm keeps its own shares, as a user "
        "of real data would",
    )
    n_rated = sum(rated.get(arm.id, 0) for arm in arms)
    targets = _pick_targets(known["training"], n_rated, key=key)
    settings = training_settings(with_length(known["training"], length) | {"balance": balance, "targets": targets})
    words = f"{_words(settings, name if preset else '')} {_targets_words(settings, n_rated)}".rstrip()
    return TrainingChoice(list(encoders), int(seeds), settings, words)


def _pick_targets(training: Mapping[str, Any], n_rated: int, *, key: str) -> str:
    """Ask for labels or raters' shares as targets; without ratings always the labels."""
    chosen = st.selectbox(
        "Targets",
        ["hard", "soft"],
        index=int(training.get("targets") == "soft"),
        key=f"{key}.targets",
        width=110,
        persist_state="session",
        disabled=not n_rated,
        help="hard: the label of a text; soft: the share of its raters who chose each label, where a text has ratings",
    )
    return str(chosen) if n_rated else "hard"


def _targets_words(settings: TrainingSettings, n_rated: int) -> str:
    """What soft targets need, or how many texts have them."""
    if not n_rated:
        return (
            "Targets are labels: no training text of these arms has ratings of people, which soft targets need. Ask raters, or import "
            "ratings, on Campaigns."
        )
    if settings.targets == "soft":
        return f"Soft targets: {counted(n_rated, 'training text')} of these arms with ratings; other texts train on their label."
    return ""


def _words(settings: TrainingSettings, preset: str) -> str:
    """The settings that the form does not ask for, and what a preset stands for."""
    limit = f", at most {settings.per_label:,} training texts a label" if settings.per_label else ""
    said = (
        f"Batches of {settings.batch_size}, learning rate {settings.learning_rate:g}, up to {settings.max_length} tokens{limit}. "
        "Finished runs are not repeated."
    )
    return f"{said} {presets.PRESETS[preset].note}".rstrip() if preset else said
