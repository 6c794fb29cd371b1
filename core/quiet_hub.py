"""Loading models without network and without chatter. For worker processes: it imports transformers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import transformers
from huggingface_hub import constants


@contextmanager
def hub(*, offline: bool) -> Iterator[None]:
    """Forbid every request to a hub meanwhile: HF_HUB_OFFLINE itself is read once, when the library is imported."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def be_quiet() -> None:
    """Keep transformers from printing warnings and progress bars."""
    library_logging: Any = transformers.logging
    library_logging.set_verbosity_error()
    library_logging.disable_progress_bar()
