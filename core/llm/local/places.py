"""Where the weights of a local model lie: a folder, a GGUF file, a model added by name, or the Hugging Face hub"""

import json
from dataclasses import dataclass
from pathlib import Path

from core.errors import StudyError
from core.llm.local import packages

NOT_CAUSAL = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
GGUF = ".gguf"
GGUF_BEGINS_WITH = b"GGUF"


@dataclass(frozen=True)
class Place:
    """Where a model lies, and the same in words; `path` is a folder or a GGUF file, None for a model of the hub."""

    path: Path | None
    words: str

    @property
    def is_gguf(self) -> bool:
        return self.path is not None and self.path.suffix.lower() == GGUF


def find(model: str, home: Path) -> Place:
    """Say where a local causal model lies, without loading the model. `home` holds the models that were added by name.

    Raises `StudyError` if the model was not added yet, or if the folder or file is missing or is no causal language model.
    """
    if model in packages.BY_NAME:
        packaged = packages.BY_NAME[model]
        path = packages.path(packaged, home)
        if not path.is_file():
            raise StudyError(
                f"The model {model} is not on this machine yet. Add it with `litmus models add {model}` "
                f"({packaged.megabytes} MB), or with the button beside the choice of a model on Prompts."
            )
        return Place(path, f"is {packaged.title}, added to this machine")
    path = Path(model).expanduser()
    if path.suffix.lower() == GGUF:
        return Place(_checked_file(path, model), "is a GGUF file")
    if not path.is_dir():
        if path.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
            raise StudyError(
                f"There is no folder {model}. Give the folder of a causal model, a .gguf file, or a name on the hub."
            )
        return Place(None, "is taken from the Hugging Face hub, or from this machine if it was loaded before")
    return _in_folder(path, model)


def _checked_file(path: Path, model: str) -> Path:
    """The path of a GGUF file. Raises `StudyError` if there is no such file, or if the file is not in the format GGUF."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(GGUF_BEGINS_WITH))
    except OSError as error:
        raise StudyError(f"There is no file {model} that can be read. Give the path of a .gguf file.") from error
    if begins != GGUF_BEGINS_WITH:
        raise StudyError(f"The file {model} is not in the format GGUF, or was not copied whole. Give another.")
    return path


def _in_folder(folder: Path, model: str) -> Place:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == GGUF)
    if files and not (folder / "config.json").is_file():
        if len(files) > 1:
            names = ", ".join(path.name for path in files[:5])
            raise StudyError(
                f"The folder {model} holds {len(files)} GGUF files: {names}. Give the path of one of them."
            )
        return Place(_checked_file(files[0], str(files[0])), f"is the GGUF file {files[0].name}")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"The folder {model} holds no model: its config.json cannot be read. Give another.") from error
    kinds = [str(kind) for kind in config.get("architectures") or []]
    if kinds and all(kind.endswith(NOT_CAUSAL) for kind in kinds):
        raise StudyError(f"The model in {model} is a {kinds[0]}, which writes no text. Give a causal language model.")
    return Place(folder, f"is a folder with a {kinds[0] if kinds else 'model'}")
