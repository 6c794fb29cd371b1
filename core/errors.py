"""What can go wrong, said in one sentence a person can act on.

StudyError                 the base: bad input, missing data, a step that cannot be done
└── ProviderError          an LLM endpoint refused or did not answer
    ├── ProviderPaused     it asks to wait longer than a job should wait
    └── ProviderRefused    it will never take this request (wrong key, unknown model, bad parameter)
"""


class StudyError(Exception):
    """Something cannot be done; the message says what to do, with what was expected and what was found."""


class ProviderError(StudyError):
    """An LLM endpoint did not give an answer."""


class ProviderPaused(ProviderError):
    """The endpoint asks to come back after `seconds`, which is longer than a call may wait."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class ProviderRefused(ProviderError):
    """The endpoint will not take this request however often it is sent."""
