"""The form of a campaign's rules: consent, comprehension check, quality rules, panel and completion codes."""

import re
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import StudyError
from core.study.rows.kinds import CampaignKind
from core.subjectivity.sessions import protocol
from core.subjectivity.sessions.protocol import Action, Panel, Protocol, Rules
from ui.unsaved import fields as unsaved

NO_PANEL, PROLIFIC, OTHER = "No panel", "Prolific", "Another panel"
TABS = ("Consent", "Examples and check", "Quality", "Panel and codes")
PARAMETERS = {
    "id_parameter": "Parameter: person id",
    "study_parameter": "Parameter: study id",
    "session_parameter": "Parameter: session id",
}
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def protocol_fields(current: Protocol, *, kind: CampaignKind, key: str, is_new: bool) -> dict[str, Any]:
    """Draw the fields, filled in from `current`; return their values, by the field names of `Protocol`, for `read`.

    `is_new`: also the number of attention checks and gold items, which cannot change once a campaign has its items.
    """
    consent, check, quality, panel = st.tabs(TABS)
    fields: dict[str, Any] = {"skip_reasons": current.skip_reasons}
    with consent:
        fields |= _consent(current, key)
    with check:
        fields |= _check(current, key)
    with quality:
        fields |= _quality(current, key, kind=kind, is_new=is_new)
        if fields["may_skip"]:
            fields["rules"] = fields["rules"].model_copy(update=_skips(current.rules, key))
    with panel:
        fields |= _panel(current, key)
    return fields


def read(fields: dict[str, Any]) -> Protocol:
    """The protocol in the values of `protocol_fields`. Raises `StudyError` about the first invalid value."""
    for place, question in enumerate(fields["check"], start=1):
        if not question["text"] or not 2 <= len(question["options"]) <= 9:
            raise StudyError(f"Question {place} of the check needs a question and two to nine answers, one a line.")
    for place, example in enumerate(fields["examples"], start=1):
        if not example["text"]:
            raise StudyError(f"Example {place} has no text. Write one, or remove the example.")
    if fields["panel"]["id_parameter"] is None:
        raise StudyError("Which parameter of the address holds a person's id? Ask the panel, or choose no panel.")
    for name in (fields["panel"][part] for part in PARAMETERS):
        if name and not NAME.fullmatch(name):
            raise StudyError(f"A parameter of an address has letters, digits, dots, dashes and _ only; found {name!r}.")
    return protocol.parse(fields)


def is_prolific(panel: Panel) -> bool:
    """Whether a panel's settings are those filled in for Prolific."""
    return panel.model_copy(update={"go_back_by_itself": False}) == protocol.PROLIFIC


def _consent(current: Protocol, key: str) -> dict[str, Any]:
    return {
        "consent": unsaved.text("What raters agree to", current.consent, key=f"{key}.consent", height=110),
        "screening": unsaved.text(
            "Screening question", current.screening, key=f"{key}.screening",
            placeholder="Raters answer yes or no; a no ends their session. Leave empty to ask nothing",
        ),
        "may_skip": st.toggle("Raters may skip an item, with a reason", current.may_skip, key=f"{key}.skip"),
        "may_undo": st.toggle("Raters may take back their last answer", current.may_undo, key=f"{key}.undo"),
        "idle_minutes": st.number_input(
            "Minutes after which a rater is idle", 0.5, 1440.0, float(current.idle_minutes), 1.0, format="%g", key=f"{key}.idle",
            width=250, help="The item shown to an idle rater is given to other raters.",
        ),
    }  # fmt: skip


def _check(current: Protocol, key: str) -> dict[str, Any]:
    st.caption("Examples are shown with the instructions.")
    examples = []
    for place in _places("example", len(current.examples), key):
        known = current.examples[place] if place < len(current.examples) else None
        with st.container(border=True):
            text = unsaved.text("Text", known.text if known else "", key=f"{key}.example.{place}.text", height=68)
            with st.container(horizontal=True):
                answer = unsaved.text(
                    "Answer", known.answer if known else "", key=f"{key}.example.{place}.answer", width=200
                )
                why = unsaved.text("Why", known.why if known else "", key=f"{key}.example.{place}.why")
        examples.append({"text": text.strip(), "answer": answer, "why": why})
    st.caption("Questions about the instructions, asked before the first item. List the right answer first.")
    questions = []
    for place in _places("question", len(current.check), key):
        asked = current.check[place] if place < len(current.check) else None
        right_first = _right_first(asked) if asked else []
        with st.container(border=True):
            text = unsaved.text("Question", asked.text if asked else "", key=f"{key}.question.{place}.text")
            options = unsaved.text(
                "Answers, one a line, the right one first", "\n".join(right_first), key=f"{key}.question.{place}.options",
                height=98,
            )  # fmt: skip
            why = unsaved.text(
                "Shown after a wrong answer", asked.why if asked else "", key=f"{key}.question.{place}.why"
            )
        questions.append({"text": text.strip(), "options": _lines(options), "answer": 0, "why": why})
    tries = st.number_input("Tries", 1, 10, current.check_tries, key=f"{key}.tries", width=130)
    return {"examples": examples, "check": questions, "check_tries": int(tries)}


def _quality(current: Protocol, key: str, *, kind: CampaignKind, is_new: bool) -> dict[str, Any]:
    sizes: dict[str, Any] = {"attention_every": current.attention_every, "gold_per_rater": current.gold_per_rater}
    if is_new:
        with st.container(horizontal=True):
            sizes["attention_every"] = st.number_input(
                "Attention check every … items", 0, 1000, current.attention_every, key=f"{key}.attention", width=230,
                help="0: no checks. A check tells the rater which answer to give.",
            )  # fmt: skip
            if kind == CampaignKind.LABEL:
                sizes["gold_per_rater"] = st.number_input(
                    "Gold items per rater", 0, 1000, current.gold_per_rater, key=f"{key}.gold", width=200,
                    help="Training texts with a known label, mixed in. They count in no statistic.",
                )  # fmt: skip
    rules = current.rules
    gold_after = min(rules.gold_after, int(sizes["gold_per_rater"]) or rules.gold_after)
    st.caption("When a rater …")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        attention = _action("misses attention checks", rules.attention, f"{key}.rule.attention")
        misses = st.number_input("this many", 1, 50, rules.attention_misses, key=f"{key}.misses", width=120)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        gold = _action("has fewer gold items right", rules.gold, f"{key}.rule.gold")
        share = st.number_input(
            "than this share", 0.0, 1.0, float(rules.gold_share), 0.05, key=f"{key}.share", width=150
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        speed = _action("is quicker per item (median)", rules.speed, f"{key}.rule.speed")
        seconds = st.number_input(
            "than seconds", 0.0, 600.0, float(rules.seconds), 0.5, key=f"{key}.seconds", width=150
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        straight = _action("gives the same answer in a row", rules.straight, f"{key}.rule.straight")
        line = st.number_input("this often", 3, 1000, rules.straight_line, key=f"{key}.line", width=130)
    st.caption("Answers of excluded raters stay in the raw data, flagged, and count in no statistic.")
    return sizes | {
        "rules": Rules(
            attention=attention, attention_misses=int(misses), gold=gold, gold_share=share, gold_after=gold_after,
            speed=speed, seconds=seconds, straight=straight, straight_line=int(line),
        )
    }  # fmt: skip


def _skips(rules: Rules, key: str) -> dict[str, Any]:
    """The fields of the rule about skipping, which only exists if raters may skip."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        skips = _action("skips more of the items", rules.skips, f"{key}.rule.skips")
        share = st.number_input(
            "than this share", 0.0, 1.0, float(rules.skip_share), 0.05, key=f"{key}.skip_share", width=150
        )
    return {"skips": skips, "skip_share": float(share)}


def _panel(current: Protocol, key: str) -> dict[str, Any]:
    panel = current.panel
    known = NO_PANEL if not panel.id_parameter else PROLIFIC if is_prolific(panel) else OTHER
    chosen = st.segmented_control(
        "Where raters come from", [NO_PANEL, PROLIFIC, OTHER], default=known, required=True, key=f"{key}.panel"
    )
    fields = panel.model_dump()
    if chosen == NO_PANEL:
        st.caption("Anyone with the link can rate, and gets a personal code to come back with.")
        fields = Panel().model_dump()
    elif chosen == PROLIFIC:
        st.caption("Prolific's parameters and its address to return to are filled in.")
        fields = protocol.PROLIFIC.model_dump()
    else:
        with st.container(horizontal=True):
            for name, label in PARAMETERS.items():
                fields[name] = unsaved.text(
                    label, getattr(panel, name), key=f"{key}.panel.{name}", width=180, placeholder="name in the address"
                ).strip()
        fields["id_parameter"] = fields["id_parameter"] or None
        fields["return_url"] = unsaved.text(
            "Address to return to", panel.return_url, key=f"{key}.panel.return", placeholder="https://…?code={code}"
        ).strip()
    if chosen != NO_PANEL:
        fields["go_back_by_itself"] = st.toggle(
            "Return by itself five seconds after the end", panel.go_back_by_itself, key=f"{key}.panel.back"
        )
    return {"panel": fields, "codes": _codes(current, key)}


def _codes(current: Protocol, key: str) -> dict[str, str]:
    st.caption("Codes that raters hand in. An empty field gets a random code.")
    new = protocol.new_codes().model_dump()
    names = {"complete": "Completed", "screened_out": "Screened out", "failed_check": "Failed a check"}
    codes = {}
    with st.container(horizontal=True):
        for name, label in names.items():
            typed = unsaved.text(
                label, getattr(current.codes, name), key=f"{key}.codes.{name}", max_chars=64, width=180
            )
            codes[name] = typed.strip() or new[name]
    return codes


def _action(label: str, current: Action, key: str) -> Action:
    return Action(str(st.selectbox(label, list(Action), list(Action).index(current), key=key, width=280)))


def _places(noun: str, n: int, key: str) -> range:
    """The positions of the blocks of fields, and buttons that add a block or remove the last. `n`: blocks at first."""
    name = f"{key}.{noun}s"
    if name not in st.session_state:
        st.session_state[name] = unsaved.recall(f"|{name}", n)
    count = int(st.session_state[name])
    with st.container(horizontal=True):
        st.button(
            f"Add {'an' if noun[0] in 'aeiou' else 'a'} {noun}", key=f"{name}.add", on_click=_step, args=(name, 1, n)
        )
        if count:
            st.button(f"Remove the last {noun}", key=f"{name}.less", on_click=_step, args=(name, -1, n))
    return range(count)


def _step(name: str, by: int, n: int) -> None:
    st.session_state[name] = max(0, int(st.session_state[name]) + by)
    unsaved.remember(f"|{name}", st.session_state[name], over=n)


def _right_first(question: protocol.Question) -> list[str]:
    """The options of a question, the right one first."""
    right = question.options[question.answer]
    return [right, *(option for place, option in enumerate(question.options) if place != question.answer)]


def _lines(text: str) -> Sequence[str]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
