"""How the test server answers as a judge or rater: one of the listed answers, by what is shown, sometimes by mood.

The answer depends on the texts between the fences, not on the order of the list. Another persona (system message) sees
one text in six otherwise, and a temperature of t makes three answers in ten times t a matter of chance.
"""

import random
import re
from typing import Any

NAMES = ("rater", "judge")
LISTED = re.compile(r"^(?:Possible answers|Labels to choose from):\n((?:- .+\n?)+)", re.MULTILINE)
FENCED = re.compile(r"^<{3,}\n(.*?)\n>{3,}$", re.MULTILINE | re.DOTALL)
PERSONA_SHARE = 1 / 6
CHANCE_PER_DEGREE = 0.3


def subject(body: dict[str, Any]) -> str:
    """What a request is about, however its list is ordered: model, persona and the texts it shows."""
    system, request = (str(body["messages"][place]["content"]) for place in (0, -1))
    return f"{body['model']}/{system}/{sorted(FENCED.findall(request))}"


def chosen(body: dict[str, Any], *, seed: int, turn: int) -> str:
    """One of the answers that the request lists; `turn` counts requests about the same, for what is left to chance."""
    system, request = (str(body["messages"][place]["content"]) for place in (0, -1))
    listed = LISTED.search(request)
    if listed is None:
        return "That is hard to say."
    options = sorted(line[2:].split(": ")[0] for line in listed[1].strip().splitlines())
    texts = FENCED.findall(request)
    by_chance = random.Random(f"{seed}/{subject(body)}/{turn}")
    by_persona = random.Random(f"{seed}/{subject(body)}")
    if by_chance.random() < CHANCE_PER_DEGREE * float(body.get("temperature") or 0):
        return by_chance.choice(options)
    mood = system if by_persona.random() < PERSONA_SHARE else ""
    if len(texts) == 2:
        first, second = (random.Random(f"{seed}/{mood}/{text}").random() for text in texts)
        return next(option for option in options if ("first" if first > second else "second") in option)
    return random.Random(f"{seed}/{mood}/{texts}").choice(options)
