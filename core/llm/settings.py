"""How calls to a language model are made: sampling, limits, time, tries and pace in one value."""

from dataclasses import dataclass

LONGEST_ANSWER_S = 600.0


@dataclass(frozen=True)
class CallSettings:
    """The settings of every call to one model.

    temperature: None is the model's own; a model that takes none is asked without.
    max_tokens: the most tokens of an answer, None for no limit.
    timeout_s: seconds to wait for one answer.
    tries: the most attempts of one call, where an attempt that surely brought no answer is repeated.
    first_wait_s: seconds before the second attempt; each further wait is twice as long, up to 30 seconds.
    rpm: the most requests a minute over all callers, attempts included; None for no limit.
    structured: whether to ask for JSON by a schema, where the endpoint offers that.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    timeout_s: float = LONGEST_ANSWER_S
    tries: int = 6
    first_wait_s: float = 0.5
    rpm: float | None = None
    structured: bool = False


USUAL = CallSettings()
