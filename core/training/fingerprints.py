"""Fingerprints: what determines a run's result, and what two runs must share to be compared."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from core import encoders
from core.training.settings import TrainingSettings

CODE_VERSION = 2  # 2: the classification head's labels are sorted by name; digests of data are of exact texts
STOPPING_VERSION = 2  # of runs with early stopping alone; 2: real and synthetic texts of a mix are kept out alike, patience begins after
# the warm-up, and the untrained model is never the best one


def fingerprint(
    *,
    encoder: str,
    seed: int,
    settings: TrainingSettings,
    train: pd.DataFrame,
    test: pd.DataFrame,
    held: Mapping[str, str] | None = None,
) -> str:
    """A digest of everything that determines a run's result; the order of samples does not count.

    `held`: the result of `held_weights` at another time; None for the weights as they are now.
    """
    shared = _shared_parts(recorded(settings, test=test) | dict(held_weights(encoder) if held is None else held))
    return _digest(shared | {"encoder": encoder, "seed": seed, "train": data_digest(train)})


def held_weights(encoder: str) -> dict[str, str]:
    """The part `weights` of a fingerprint and of `Run.config` for an encoder in a folder of its own, as `encoders.weights_digest`;
    empty for all other encoders, which are known by their names."""
    digest = encoders.weights_digest(encoder)
    return {"weights": digest} if digest else {}


def recorded(settings: TrainingSettings, *, test: pd.DataFrame) -> dict[str, Any]:
    """What `Run.config` keeps of the parts of a fingerprint that runs of all arms and encoders share: training, code and test, and
    with early stopping its version, `stopping`."""
    return {
        "training": settings.model_dump(),
        "code": CODE_VERSION,
        "test": data_digest(test),
        **({"stopping": STOPPING_VERSION} if settings.stops_early else {}),
    }


def conditions(config: Mapping[str, Any], *, n_train: int, facts: Mapping[str, Any] | None = None) -> str:
    """A digest of what two runs must share to be compared, apart from task, encoder and seed.

    These are the parts of `fingerprint` that do not depend on the arm (code version, settings, test texts, weights of an
    encoder in a folder), the number of training texts, and the kind of device with its number format, where a run's facts
    have them. `config` is `Run.config`, `facts` is `Run.facts`.
    """
    shared = _shared_parts(config)
    device = device_words(facts or {})
    return _digest(shared | {"n_train": n_train} | ({"device": device} if device else {}))


def device_words(facts: Mapping[str, Any]) -> str:
    """The kind of device (CPU or GPU) and the number format of a run, as "CPU, float32"; "" if its facts lack either."""
    if not (facts.get("device") and facts.get("dtype")):
        return ""
    return f"{'CPU' if facts['device'] == 'cpu' else 'GPU'}, {facts['dtype']}"


def data_digest(samples: pd.DataFrame) -> str:
    """A digest of the exact texts and labels of samples, in any order, and of the raters' `shares` where targets are soft and of the
    `weight` where texts are weighed."""
    parts = [samples[name] for name in ("exact", "label", "shares") if name in samples]
    parts += [samples["weight"].map(repr)] if "weight" in samples else []
    lines = sorted(" ".join(row) for row in zip(*parts, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _shared_parts(config: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a fingerprint that runs of all arms share, from what `recorded` keeps of them."""
    shared = {"code": config.get("code", 1), "settings": dict(config["training"]), "test": config.get("test", "")}
    return shared | {name: config[name] for name in ("stopping", "weights") if name in config}


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
