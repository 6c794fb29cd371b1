"""Find the configurations, splits and class names of a data set of the hub in its card, paths and Parquet files."""

import fnmatch
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from core.study.exchange.columns_in_files import is_split
from core.wording import listed

SHARD = re.compile(r"^(?P<split>.+?)-\d+-of-\d+(?:-[0-9a-f]+)?$")
HIDDEN = ("-1", "")

Placed = dict[str, dict[str, list[str]]]


def placed(paths: Sequence[str], card: Mapping[str, Any]) -> Placed:
    """Configuration -> split -> paths of Parquet files: by the card, or by the paths if the card names no files."""
    files = sorted(path for path in paths if path.endswith(".parquet"))
    placed: Placed = defaultdict(lambda: defaultdict(list))
    for config_of_card in _mappings(card.get("configs")):
        for split, pattern in _patterns(config_of_card.get("data_files")):
            placed[str(config_of_card.get("config_name", "default"))][split] += fnmatch.filter(files, pattern)
    found = {config: {split: own for split, own in splits.items() if own} for config, splits in placed.items()}
    if any(found.values()):
        return {config: splits for config, splits in found.items() if splits}
    placed.clear()
    for path in files:
        config, split = _place(PurePosixPath(path))
        placed[config][split].append(path)
    return {config: dict(splits) for config, splits in placed.items()}


def names_in_card(card: Mapping[str, Any], config: str, *, is_only: bool) -> dict[str, list[str]]:
    """Column -> names of its classes in order of their numbers, from `dataset_info` in the card.

    An entry for another configuration is never taken, unless the configuration `is_only` one of the data set and the entry
    the only one of the card; an entry without a name is that of every configuration without an entry of its own.
    """
    infos = _mappings(card.get("dataset_info"))
    own = [info for info in infos if str(info.get("config_name", "default")) == config]
    own += [info for info in infos if "config_name" not in info or (is_only and len(infos) == 1)]
    return _class_names(own[0]) if own else {}


def numbers_note(card: Mapping[str, Any], config: str, columns: Collection[str]) -> str:
    """A sentence that the labels of a configuration stay numbers, if the card names classes of such columns for others only; else ""."""
    others = {
        str(info.get("config_name", "default")): sorted(set(_class_names(info)) & set(columns))
        for info in _mappings(card.get("dataset_info"))
    }
    named = [other for other, found in others.items() if found and other != config]
    if not named:
        return ""
    whose = sorted({column for other in named for column in others[other]})
    return (
        f"The data set names the classes of {listed(whose)} for {listed(named)}, not for {config}: what stands there was left as it is. "
        "If the labels are numbers, map them to the labels of the task."
    )


def _class_names(info: Mapping[str, Any]) -> dict[str, list[str]]:
    """Column -> names of its classes in order of their numbers, from an entry of `dataset_info`."""
    found = {}
    for feature in _mappings(info.get("features")):
        kind = feature.get("dtype")
        classes = kind.get("class_label") if isinstance(kind, dict) else None
        names = classes.get("names") if isinstance(classes, dict) else None
        if isinstance(names, dict) and all(str(key).isdecimal() for key in names):
            names = [names[key] for key in sorted(names, key=int)]
        if isinstance(names, list) and "name" in feature:
            found[str(feature["name"])] = [str(name) for name in names]
    return found


def names_in_file(path: Path) -> dict[str, list[str]]:
    """Column -> names of its classes in order of their numbers, from the metadata of a Parquet file."""
    noted = (pq.read_schema(path).metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(noted)["info"]["features"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        name: [str(class_name) for class_name in feature["names"]]
        for name, feature in features
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list)
    }


def named(frame: pd.DataFrame, names: Mapping[str, list[str]]) -> pd.DataFrame:
    """The frame with class numbers replaced by class names, all cells as text; a hidden class (-1) becomes ""."""
    known = {
        column: dict(zip(map(str, range(len(classes))), classes, strict=True)) for column, classes in names.items()
    }
    changed = {
        column: [by_number.get(cell, "" if cell in HIDDEN else cell) for cell in frame[column]]
        for column, by_number in known.items()
        if column in frame.columns
    }
    return frame.assign(**changed).astype("str")


def _mappings(found: Any) -> list[Mapping[str, Any]]:
    """The mappings in a part of a card: cards are written by anybody and may hold anything."""
    return [part for part in (found if isinstance(found, list) else [found]) if isinstance(part, Mapping)]


def _patterns(data_files: Any) -> Iterator[tuple[str, str]]:
    """Yield (split, path pattern) for each entry of `data_files` in the README of a hub data set; without a split it is train."""
    if isinstance(data_files, str):
        yield "train", data_files
    for entry in data_files if isinstance(data_files, list) else []:
        if isinstance(entry, str):
            yield "train", entry
            continue
        if not isinstance(entry, Mapping):
            continue
        paths = entry.get("path") or []
        for path in paths if isinstance(paths, list) else [paths]:
            yield str(entry.get("split", "train")), str(path)


def _place(path: PurePosixPath) -> tuple[str, str]:
    """Configuration and split in a path such as `config/split/0000.parquet` or `config/split-00000-of-00001.parquet`."""
    folders = [part for part in path.parts[:-1] if part != "data"]
    shard = SHARD.match(path.stem)
    split = shard["split"] if shard else path.stem
    if path.stem.isdecimal() or (not shard and not is_split(split)):
        split = folders.pop() if folders and (path.stem.isdecimal() or is_split(folders[-1])) else "train"
    return "/".join(folders) or "default", split.removeprefix("partial-")
