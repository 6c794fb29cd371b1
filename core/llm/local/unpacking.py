"""Unpack a GGUF file into a folder that loads in seconds. Imports transformers: for worker processes only.

Reading a GGUF file in Python takes half a minute for 93 MB; the unpacked folder has the same weights as 16-bit numbers.
"""

import contextlib
import functools
import hashlib
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers
from transformers import modeling_gguf_pytorch_utils

from core import quiet_hub
from core.errors import StudyError
from core.llm.local import packages

TIMES_LARGER = 5  # 4-bit weights as 16-bit numbers take four times the room, and a tokenizer besides
# What llama.cpp samples with unless told otherwise: GGUF files are made for it, and seldom hold a setting of their own.
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 40, "top_p": 0.95}


def folder(file: Path, home: Path) -> Path:
    """The folder with a GGUF file's unpacked model; unpacked now if that was not done before.

    Raises `StudyError` if there is no room on the disk, or if the file holds no causal model that can be read.
    """
    place = _place(file, home)
    if (place / "config.json").is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    need = TIMES_LARGER * file.stat().st_size
    if shutil.disk_usage(place.parent).free < need:
        raise StudyError(
            f"Unpacking {file.name} takes {need / 1e9:.1f} GB, and the disk of {place.parent} has less. Free some disk "
            "space, or serve the file with llama.cpp or Ollama and connect to that server."
        )
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".unpacking-") as within:
        draft = Path(within) / "model"
        try:
            _unpack(file, draft)
        except (OSError, ValueError, KeyError, IndexError, RuntimeError, struct.error) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
            raise StudyError(
                f"The file {file.name} cannot be read as a language model: {reason}. Give another, or serve the file with "
                "llama.cpp or Ollama and connect to that server."
            ) from error
        if not place.exists():  # another process may have been quicker
            draft.rename(place)
    return place


def _place(file: Path, home: Path) -> Path:
    """Where the model of a GGUF file is unpacked: beside an added model, else in a folder named after file, size and time."""
    if file.is_relative_to(packages.folder(home)):
        return file.parent / "unpacked"
    seen = file.stat()
    mark = hashlib.sha256(f"{file.resolve()}/{seen.st_size}/{seen.st_mtime_ns}".encode()).hexdigest()[:12]
    return packages.folder(home) / "unpacked" / f"{file.stem}-{mark}"


def _unpack(file: Path, to: Path) -> None:
    """Write the model of a GGUF file to a folder, with the tokenizer and the chat template of the file."""
    where: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    quiet_hub.be_quiet()
    with _read_once():
        config = transformers.AutoConfig.from_pretrained(str(file.parent), **where)
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(file.parent), config=config, **where)
        read: Any = transformers.AutoModelForCausalLM.from_pretrained(
            str(file.parent), config=config, dtype=torch.float32, **where
        )
    if hasattr(read.config, "quantization_config"):
        del read.config.quantization_config  # the weights are plain numbers now
    plain: Any = type(read)(read.config)
    plain.load_state_dict(read.state_dict())
    make: Any = transformers.GenerationConfig
    plain.generation_config = make(**SAMPLING, bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id)
    plain.to(torch.float16).save_pretrained(to)
    tokenizer.save_pretrained(to)


class _Reader(gguf.GGUFReader):
    """A reader of GGUF files that slices a plain array: slices of a memory map cost several times as much."""

    def _get(self, *arguments: Any, **options: Any) -> Any:
        self.data: Any = self.data.view(np.ndarray)
        return super()._get(*arguments, **options)


@contextlib.contextmanager
def _read_once() -> Iterator[None]:
    """A context in which a GGUF file is parsed once, and without a progress bar.

    Left alone, transformers parses the file anew for config, tokenizer and weights, which takes three times as long.
    """
    files: Any = gguf
    library: Any = modeling_gguf_pytorch_utils
    reader, bar = files.GGUFReader, library.tqdm
    files.GGUFReader = functools.cache(_Reader)
    library.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        files.GGUFReader, library.tqdm = reader, bar
