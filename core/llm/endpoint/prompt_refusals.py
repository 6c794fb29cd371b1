"""Tell what an endpoint refuses: one prompt, the limit on the answer, or every call.

The refusal of one prompt is stored as the answer to that prompt. A refusal that speaks of the account, the key or the
country concerns every call, and must not be stored as the answer to a prompt.
"""

import re

from core.llm.text import PROMPT_REFUSED, PROMPT_TOO_LONG

STATUSES = (400, 403, 413, 422, 451)
LIMIT_NAME = re.compile(r"max_?(?:completion_|new_|output_)?tokens", re.IGNORECASE)
LIMIT_WORDS = re.compile(
    r"too (?:large|high|big)|at most|less than|<=|≤|> ?\d|exceed|maximum|valid range|range of|between", re.IGNORECASE
)
CONTEXT_TOKENS = re.compile(
    r"(?:maximum context length|context (?:length|window|size)|must be <=|limit)\D{0,20}(\d+)", re.IGNORECASE
)
PROMPT_TOKENS = re.compile(
    r"(\d+) (?:tokens )?(?:in|of|from) (?:the |your )?(?:input |text )?(?:messages?|prompt|input)\b|(\d+) (?:input|prompt) tokens"
    r"|(\d+) `inputs` tokens",
    re.IGNORECASE,
)
OF_PROMPT = re.compile(
    r"\b(?:prompts?|inputs?|messages?|context|sequence|total)(?:\b|_)|max_model_len|上下文", re.IGNORECASE
)
FEWEST_TOKENS = 16
TOO_LONG = re.compile(
    r"context[\s_-]?(?:length|window|size|limit)|maximum (?:context|sequence|input|prompt|model) ?(?:length|tokens?)?"
    r"|max_model_len|too many (?:input |prompt )?tokens|tokens? (?:count|number|limit)\b.{0,60}exceed|token limit"
    r"|(?:prompt|input|request|message|content|payload|entity|text|query)s? (?:is |are |was )?(?:too|very) (?:long|large)"
    r"|(?:input|prompt|request|message)s?\b.{0,60}\b(?:exceed|longer than|greater than|larger than|beyond)"
    r"|exceed\w*.{0,60}\b(?:tokens?|context|maximum (?:number|length|size))\b|range of input length|input length"
    r"|reduce the (?:length|size|number|prompt|input)|string_above_max_length|`?inputs`? tokens \+|must be reduced"
    r"|request_too_large|超过.{0,20}(?:长度|限制|上限)|上下文|过长|超长",
    re.IGNORECASE,
)
FILTER = re.compile(
    r"content[\s_-]?(?:filter|management|policy|moderation|safety|blocked|violation)|responsible ?ai|moderation|flagged"
    r"|usage (?:polic|guideline)|safety[\s_](?:system|filter|check|setting|polic|reason|guideline|concern)|\bsafety$"
    r"|inappropriate|data_?inspection|sensitive|prohibited|guardrail|harmful|unsafe|offensive|high risk|risk control"
    r"|violat\w*.{0,40}(?:polic|guideline|terms|rules)|(?:polic|guideline)\w*.{0,30}violat|invalid_prompt|blocklist"
    r"|(?:prompt|input|request|content|response|output)s?\b.{0,40}\bblocked|blocked (?:by|due|because|for)"
    r"|敏感|违规|不合规|不安全|违反|审核|不当",
    re.IGNORECASE,
)
FILTER_CODE = re.compile(
    r"content_?filter|content_?policy|moderation|invalid_prompt|data_?inspection|responsibleai|prohibited_content|safety"
    r"|guardrail|content_blocked",
    re.IGNORECASE,
)
OF_ACCOUNT = re.compile(
    r"(?:account|organi[sz]ation|project|workspace|\bkey\b).{0,60}"
    r"(?:suspend|deactivat|disabl|terminat|\bban|block|restrict|lock|verif|expire|flagged|review|not have access|limit)"
    r"|(?:suspend|deactivat|disabl|terminat|\bbanned|verif|restrict)\w*.{0,40}(?:account|organi[sz]ation|project|\bkey\b)"
    r"|data[\s_]policy|privacy settings|country|territory|\bregion|user location|not have access|no access|api[ _-]?key\b"
    r"|permission|quota|billing|credit|per (?:minute|day|month|hour)|(?:monthly|daily) |spend|subscription"
    r"|(?:enable|accept|agree to|sign|configure)\b.{0,40}(?:moderation|terms|polic|agreement|safety)",
    re.IGNORECASE,
)


def ending(*, status: int | None, code: str, said: str) -> str | None:
    """Return the `finish_reason` to store for the refusal of one prompt; None if the failure concerns more than a prompt.

    `code` holds the endpoint's code and type of the error; `said` is the error in the endpoint's own words.
    """
    if status == 429 and re.search(r"request too large|must be reduced|too large for", said, re.IGNORECASE):
        return PROMPT_TOO_LONG  # longer than a minute's quota: the endpoint will never take the prompt
    if status == 500 and re.search(r"context (?:size|length|window)", said, re.IGNORECASE):
        return PROMPT_TOO_LONG
    if status not in STATUSES:
        return None
    if FILTER_CODE.search(code):
        return PROMPT_REFUSED
    if re.search(r"context_?(?:length|window|size)|string_above_max|too_(?:large|long)", code, re.IGNORECASE):
        return PROMPT_TOO_LONG
    if OF_ACCOUNT.search(said):
        return None
    if FILTER.search(said):
        return PROMPT_REFUSED
    return PROMPT_TOO_LONG if status == 413 or TOO_LONG.search(said) else None


def is_of_limit(*, param: str, said: str) -> bool:
    """Whether a refusal is about the limit on the answer and not about the length of the prompt."""
    if (asked := PROMPT_TOKENS.search(said)) and (most := CONTEXT_TOKENS.search(said)):
        return int(next(filter(None, asked.groups()))) < int(most[1])
    return LIMIT_NAME.search(f"{param} {said}") is not None and LIMIT_WORDS.search(said) is not None


def room_beside_prompt(*, said: str, limit: int) -> int | None:
    """Return a limit on the answer, in tokens, that is lower than `limit` and may fit beside the prompt; 0 if none of use fits.

    `said` refuses `limit`. None if the limit is refused for every prompt: it is as large as the whole context, or the
    words do not speak of the prompt.
    """
    asked, most = PROMPT_TOKENS.search(said), CONTEXT_TOKENS.search(said)
    if limit >= int(most[1]) if most else OF_PROMPT.search(said) is None:
        return None
    left = int(most[1]) - int(next(filter(None, asked.groups()))) if most and asked else limit
    room = left if left < limit else limit // 2
    return room if room >= FEWEST_TOKENS else 0
