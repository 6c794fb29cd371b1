"""Where a data set of the hub keeps its configurations and splits, and what the numbers of its classes are called."""

import fnmatch
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped]

SHARD = re.compile(r"^(?P<split>.+?)-\d+-of-\d+(?:-[0-9a-f]+)?$")
SPLITS = ("train", "training", "validation", "valid", "val", "dev", "test", "pool")
HIDDEN = ("-1", "")

Placed = dict[str, dict[str, list[str]]]


def placed(paths: Sequence[str], card: Mapping[str, Any]) -> Placed:
    """Configuration -> split -> Parquet files: as the card says, else as the paths say."""
    files = sorted(path for path in paths if path.endswith(".parquet"))
    placed: Placed = defaultdict(lambda: defaultdict(list))
    for config in card.get("configs") or []:
        for split, pattern in _patterns(config.get("data_files")):
            placed[str(config.get("config_name", "default"))][split] += fnmatch.filter(files, pattern)
    said = {config: {split: own for split, own in splits.items() if own} for config, splits in placed.items()}
    if any(said.values()):
        return {config: splits for config, splits in said.items() if splits}
    placed.clear()
    for path in files:
        config, split = _place(PurePosixPath(path))
        placed[config][split].append(path)
    return {config: dict(splits) for config, splits in placed.items()}


def names_in_card(card: Mapping[str, Any], config: str) -> dict[str, list[str]]:
    """Column -> names of its classes, from the card's `dataset_info`."""
    infos = card.get("dataset_info") or []
    infos = infos if isinstance(infos, list) else [infos]
    own = [info for info in infos if str(info.get("config_name", "default")) == config] or infos[:1]
    found = {}
    for feature in own[0].get("features", []) if own else []:
        kind = feature.get("dtype")
        names = (kind.get("class_label") or {}).get("names") if isinstance(kind, dict) else None
        if isinstance(names, dict):
            names = [names[key] for key in sorted(names, key=int)]
        if names:
            found[str(feature["name"])] = [str(name) for name in names]
    return found


def names_in_file(path: Path) -> dict[str, list[str]]:
    """Column -> names of its classes, from what the writer of a Parquet file noted in its schema."""
    noted = (pq.read_schema(path).metadata or {}).get(b"huggingface", b"{}")
    features = json.loads(noted).get("info", {}).get("features", {})
    return {
        name: feature["names"]
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def named(frame: pd.DataFrame, names: Mapping[str, list[str]]) -> pd.DataFrame:
    """The same rows with class numbers replaced by their names; a hidden class (-1) is none."""
    known = {column: {str(place): name for place, name in enumerate(of)} for column, of in names.items()}
    changed = {
        column: [by_number.get(cell, "" if cell in HIDDEN else cell) for cell in frame[column]]
        for column, by_number in known.items()
        if column in frame.columns
    }
    return frame.assign(**changed).astype("str")


def _patterns(data_files: Any) -> Iterator[tuple[str, str]]:
    if isinstance(data_files, str):
        yield "train", data_files
    for entry in data_files if isinstance(data_files, list) else []:
        if isinstance(entry, str):
            yield "train", entry
            continue
        paths = entry.get("path", [])
        for path in [paths] if isinstance(paths, str) else paths:
            yield str(entry.get("split", "train")), str(path)


def _place(path: PurePosixPath) -> tuple[str, str]:
    """Configuration and split of `config/split/0000.parquet`, `config/split-00000-of-00001.parquet` and the like."""
    folders = [part for part in path.parts[:-1] if part != "data"]
    shard = SHARD.match(path.stem)
    split = shard["split"] if shard else path.stem
    if path.stem.isdecimal() or (not shard and split.casefold() not in SPLITS):
        split = folders.pop() if folders and (path.stem.isdecimal() or folders[-1] in SPLITS) else "train"
    return "/".join(folders) or "default", split.removeprefix("partial-")
