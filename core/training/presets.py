"""Presets of a training: encoders, seeds and training settings under a name, for a study file and the page Train."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """Choices that a study file or a form may change one by one.

    `training`: keys of `TrainingSettings`. `note`: a sentence about the source of the choices and about those that are
    Litmus's own; "" if all are.
    """

    encoders: tuple[str, ...]
    seeds: tuple[int, ...]
    training: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


PRESETS: dict[str, Preset] = {
    "paper": Preset(
        ("bert-base-uncased", "roberta-base"),
        (0, 1, 2),
        {"per_label": 3000, "batch_size": 64, "learning_rate": 5e-5, "max_length": 128},
        "The training of Li et al. (EMNLP 2023) as far as it is known: BERT and RoBERTa and 3,000 texts a label were read in notes on the "
        "paper; their size (base), the learning rate, the batch and three repetitions are unverified; passes, token limit and "
        "warm-up are Litmus's own, as the paper's are not known.",
    ),
    "quick": Preset(("minilm",), (0, 1, 2), {"batch_size": 32, "learning_rate": 5e-5, "max_length": 128}),
}


def expanded(training: Mapping[str, Any]) -> dict[str, Any]:
    """Training settings with the choices of their `preset` under their own; unchanged without a known preset."""
    name = training.get("preset")
    if not isinstance(name, str) or name not in PRESETS:
        return dict(training)
    return {**PRESETS[name].training, **{key: value for key, value in training.items() if key != "preset"}}


def words(name: str) -> str:
    """What a preset stands for, in sentences."""
    preset = PRESETS[name]
    training = preset.training
    texts = f"at most {training['per_label']:,} training texts a label" if "per_label" in training else ""
    parts = [
        ", ".join(preset.encoders),
        f"{len(preset.seeds)} seeds",
        *([texts] if texts else []),
        f"batches of {training['batch_size']}",
        f"learning rate {training['learning_rate']:g}",
        f"up to {training['max_length']} tokens",
    ]
    return f"The preset {name} stands for {'; '.join(parts)}. {preset.note}".rstrip()
