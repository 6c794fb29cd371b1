"""The exceptions of the program; their messages are shown to the user as they are.

StudyError                 the base class: bad input, missing data, a step that cannot be done
├── StorageError           what was computed cannot be stored, as on a full disk, so that nothing after it could be either
└── ProviderError          an LLM endpoint refused a call or did not answer
    ├── ProviderPaused     the endpoint asks for a longer wait than a call may take
    └── ProviderRefused    the endpoint will never accept the call (wrong key, unknown model, bad parameter)
"""

import re

LONG_WORD = re.compile(r"(\S{200})\S{100,}")  # a name, a cell or a key, which would bury the sentence about it


class StudyError(Exception):
    """A step cannot be done; the message says what was expected, what was found and what the user can do.

    Words of 300 letters and more are cut to 200 in the message.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(LONG_WORD.sub(r"\1…", message))


class StorageError(StudyError):
    """What was computed cannot be stored; work that comes after it would be lost as well."""


class ProviderError(StudyError):
    """An LLM endpoint refused a call or did not answer."""


class ProviderPaused(ProviderError):
    """The endpoint asks for a new attempt in `seconds`, which is longer than a call may wait."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class ProviderRefused(ProviderError):
    """The endpoint will refuse the call however often it is repeated."""
