"""The form of a training: a preset or the study's own choices, encoders, seeds, length and shares of the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.study.rows.study import Arm, Study
from core.training import presets
from core.training.settings import TrainingSettings, first_seeds, training_settings, with_length
from core.wording import counted
from ui.shared.runs import pick_length

LENGTH_IS_OWN = " It leaves the length as it is: for a shorter training choose fewer steps under Length in."
MORE = ("batch_size", "learning_rate", "max_length", "per_label")
OWN = "study"  # the choice of the study's own settings in place of a preset


@dataclass(frozen=True)
class TrainingChoice:
    """What the form asks for: encoders, seeds, the settings, and these in words."""

    encoders: list[str]
    seeds: list[int]
    settings: TrainingSettings
    words: str


def pick_training(
    study: Study,
    config: Mapping[str, Any],
    arms: Sequence[Arm],
    *,
    rated: Mapping[int, int],
    weighed: Mapping[int, int],
) -> TrainingChoice:
    """Ask how runs of these arms are trained, beginning with the study's own `config` or with a preset.

    `rated`, `weighed`: the number of training texts with ratings, or with a weight of their file, by arm id; without such
    texts in these arms, targets cannot be soft or texts cannot be weighed.
    """
    name = str(
        st.selectbox(
            "Preset", [OWN, *presets.PRESETS], key="train.preset", width=110, persist_state="session",
            help="study: the settings of this study; paper: those of Li et al. (2023) as far as they are known; quick: the small "
            "bundled encoder, of the usual length",
        )
    )  # fmt: skip
    known, key = _begun_with(study, config, name)
    encoders = st.multiselect(
        "Encoders",
        list(dict.fromkeys([*known["encoders"], "minilm", "bert-base-uncased", "roberta-base"])),
        default=list(known["encoders"]),
        accept_new_options=True,
        key=f"{key}.encoders",
        width=260,
        persist_state="session",
        help="minilm is bundled; other names are downloaded once from the Hugging Face hub, or give the whole path of a model's folder",
    )
    seeds = st.number_input(
        "Seeds", 1, 50, len(known["seeds"]), key=f"{key}.seeds", width=110, persist_state="session",
        help="At least three are needed for an interval. The seeds are the first of the study or preset, then the smallest others.",
    )  # fmt: skip
    length = pick_length(known["training"], key=key)
    balance = _choose(
        "Class shares", ("equal", "natural"), known["training"].get("balance"), key=f"{key}.balance", is_open=True,
        about="equal: equally many texts of each label in every arm; natural: each arm keeps its own shares, as a user of real data "
        "would",
    )  # fmt: skip
    n_rated, n_weighed = (sum(found.get(arm.id, 0) for arm in arms) for found in (rated, weighed))
    counting = _pick_counting(known["training"], n_rated, n_weighed, key=key)
    more = _more(training_settings(known["training"]), key=key)
    settings = training_settings(with_length(known["training"], length) | {"balance": balance} | counting | more)
    said = (_words(settings, name), _targets_words(settings, n_rated), _weights_words(settings, n_weighed))
    return TrainingChoice(
        list(encoders), first_seeds(known["seeds"], int(seeds)), settings, " ".join(filter(None, said))
    )


def _begun_with(study: Study, config: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], str]:
    """The choices that the fields begin with, and the start of their keys: every preset and every study has fields of its own."""
    if preset := presets.PRESETS.get(name):
        return {
            "encoders": preset.encoders,
            "seeds": preset.seeds,
            "training": preset.training,
        }, f"train.{name}"
    return config, f"train.{study.id}"


def _more(known: TrainingSettings, *, key: str) -> dict[str, Any]:
    """Ask for batch size, learning rate, longest text and the limit of training texts, beginning with those of `known`; keys of
    `TrainingSettings`."""
    with st.popover("More settings", width="content", key=f"{key}.more"):
        batch = st.number_input(
            "Texts per step (batch size)", 1, 4096, known.batch_size, key=f"{key}.batch_size", persist_state="session",
        )  # fmt: skip
        rate = st.number_input(
            "Learning rate", 1e-7, 1.0, known.learning_rate, 1e-5, "%g", key=f"{key}.learning_rate", persist_state="session",
        )  # fmt: skip
        longest = st.number_input(
            "Tokens of a text that are read", 8, 8192, known.max_length, key=f"{key}.max_length", persist_state="session",
            help="A text that is longer is cut there.",
        )  # fmt: skip
        per_label = st.number_input(
            "Training texts a label, at most", 1, 1_000_000, known.per_label, key=f"{key}.per_label", persist_state="session",
            placeholder="all there are", help="Where a task has a training size of its own, that size counts.",
        )  # fmt: skip
    return {"batch_size": batch, "learning_rate": rate, "max_length": longest, "per_label": per_label}


def _pick_counting(training: Mapping[str, Any], n_rated: int, n_weighed: int, *, key: str) -> dict[str, str]:
    """Ask what a text counts for: its target, and the weights of classes and texts; keys of `TrainingSettings`."""
    soft, balanced, column = (
        _choose(title, options, training.get(name), key=f"{key}.{name}", is_open=is_open, about=about)
        for title, name, options, is_open, about in (
            (
                "Targets", "targets", ("hard", "soft"), n_rated > 0,
                "hard: the label of a text; soft: the share of its raters who chose each label, where a text has ratings",
            ),
            (
                "Class weights", "class_weights", ("none", "balanced"), True,
                "balanced: a text counts by the inverse frequency of its label; only with hard targets",
            ),
            (
                "Text weights", "sample_weights", ("none", "column"), n_weighed > 0,
                "column: a text counts by the column weight of the file it came from; 2 counts like the text given twice",
            ),
        )
    )  # fmt: skip
    return {"targets": soft, "class_weights": "none" if soft == "soft" else balanced, "sample_weights": column}


def _choose(title: str, options: Sequence[str], known: object, *, key: str, is_open: bool, about: str) -> str:
    """One of some options, the first of them if the choice is not open."""
    chosen = st.selectbox(
        title, options, index=options.index(known) if known in options else 0, key=key, width=130, persist_state="session",
        disabled=not is_open, help=about,
    )  # fmt: skip
    return str(chosen) if is_open else options[0]


def _weights_words(settings: TrainingSettings, n_weighed: int) -> str:
    """What weights of texts need, or how many texts have them."""
    if not n_weighed:
        return "Texts count alike: no training text of these arms has a weight, which a column weight of an imported file gives."
    if settings.sample_weights == "column":
        return f"Weighed: {counted(n_weighed, 'training text')} of these arms with a weight; other texts count 1."
    return ""


def _targets_words(settings: TrainingSettings, n_rated: int) -> str:
    """What soft targets need, or how many texts have them."""
    if not n_rated:
        return (
            "Targets are labels: no training text of these arms has ratings of people, which soft targets need. Ask raters, or import "
            "ratings, on Campaigns."
        )
    if settings.targets == "soft":
        return (
            f"Soft targets: {counted(n_rated, 'training text')} of these arms with ratings; other texts train on their label. "
            "Class weights need hard targets and are off."
        )
    return ""


def _words(settings: TrainingSettings, preset: str) -> str:
    """What a preset stands for, and the settings under More settings where they differ from it."""
    limit = f", at most {settings.per_label:,} training texts a label" if settings.per_label else ""
    chosen = f"Batches of {settings.batch_size}, learning rate {settings.learning_rate:g}, up to {settings.max_length} tokens{limit}."
    if preset not in presets.PRESETS:
        return f"{chosen} Finished runs are not repeated."
    own = presets.PRESETS[preset].training
    length = "" if {"steps", "passes"} & set(own) else LENGTH_IS_OWN
    begun_with = training_settings(own)
    is_changed = any(getattr(settings, name) != getattr(begun_with, name) for name in MORE)
    changed = f" Changed here: {chosen[0].lower()}{chosen[1:]}" if is_changed else ""
    return f"{presets.words(preset)}{length}{changed} Finished runs are not repeated."
