"""The settings of calls to a language model: sampling, limits, time, tries and pace in one value."""

from dataclasses import dataclass

LONGEST_ANSWER_S = 600.0


@dataclass(frozen=True)
class CallSettings:
    """The settings of every call to one model.

    temperature: None is the model's own; a model that takes no temperature is asked without a temperature.
    max_tokens: the most tokens of an answer, None for no limit.
    timeout_s: seconds to wait for one answer.
    tries: the most attempts of one call, for failures that may pass, such as status 500 or no connection.
    first_wait_s: seconds before the second attempt; each further wait is twice as long, up to 30 seconds.
    rpm: the most requests a minute over all callers, attempts included; None for no limit.
    structured: whether to ask for JSON by a schema, if the endpoint supports schemas.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    timeout_s: float = LONGEST_ANSWER_S
    tries: int = 6
    first_wait_s: float = 0.5
    rpm: float | None = None
    structured: bool = False


USUAL = CallSettings()
