"""Load models without network access and without messages. Imports transformers: for worker processes only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import transformers
from huggingface_hub import constants


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


def be_quiet() -> None:
    """Stop transformers from printing warnings and progress bars."""
    library_logging: Any = transformers.logging
    library_logging.set_verbosity_error()
    library_logging.disable_progress_bar()
