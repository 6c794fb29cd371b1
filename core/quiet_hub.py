"""Load models without network access and without messages. Imports transformers: for worker processes only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import transformers
from huggingface_hub import constants
from safetensors import SafetensorError

from core import encoders
from core.errors import StudyError


@contextmanager
def hub(*, offline: bool) -> Iterator[None]:
    """A context in which no request to a hub is made if `offline` is True.

    The variable HF_HUB_OFFLINE cannot do this, since the library reads the variable only once, when it is imported.
    """
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def loading(encoder: str) -> Iterator[tuple[str, dict[str, bool]]]:
    """A context in which the encoder of this name is loaded: its name or path, and the options of `from_pretrained`.

    Nothing is asked of a hub if the weights are on this machine, and no code that comes with a model is run. Raises
    `StudyError` if the block cannot load the encoder.
    """
    is_local = encoders.offline(encoder)
    source = encoders.resolve(encoder)
    be_quiet()
    try:
        with hub(offline=is_local):
            yield source, {"local_files_only": is_local, "trust_remote_code": False}
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StudyError(
            f"The encoder {encoder!r} cannot be loaded: {reason[:200]} Check its name or path and the network; 'minilm' "
            "needs no network."
        ) from error


def be_quiet() -> None:
    """Stop transformers from printing warnings and progress bars."""
    library_logging: Any = transformers.logging
    library_logging.set_verbosity_error()
    library_logging.disable_progress_bar()
