"""The form of a new campaign: kind, texts, sizes and rules, with the effort it asks of raters."""

import math
import secrets

import streamlit as st

from core.study import tasks
from core.study.rows.kinds import ArmKind, CampaignKind
from core.study.rows.study import Arm, Study, Task
from core.subjectivity.sessions import campaigns, effort, protocol
from core.subjectivity.sessions.campaigns import Plan
from core.subjectivity.sessions.protocol import Protocol
from core.wording import shown
from ui.campaigns import rules
from ui.campaigns.list import KIND_NAMES
from ui.shared import pickers, resources
from ui.shared.words import plain, set_notice, show_errors
from ui.unsaved import fields as unsaved

KIND_LINES = {
    CampaignKind.LABEL: "Raters choose a label for each text. Shows how far people agree about every text and about the task.",
    CampaignKind.COMPARE: "Raters say which of two tasks is more a matter of opinion. Ranks the tasks of the study.",
    CampaignKind.COMPARE_ITEMS: "Raters say about which of two texts people would disagree more. Ranks texts of a task.",
    CampaignKind.SCALE: "Raters say from 1 to 5 how far the answer about a text is a matter of opinion.",
}
SIZES = {  # raters per item, items per rater
    CampaignKind.LABEL: (3, 20),
    CampaignKind.COMPARE: (12, 10),
    CampaignKind.COMPARE_ITEMS: (3, 20),
    CampaignKind.SCALE: (5, 20),
}
PER_LABEL = {CampaignKind.COMPARE_ITEMS: 10}
ITEM = {CampaignKind.COMPARE: "pair", CampaignKind.COMPARE_ITEMS: "pair"}


@st.fragment
def new_campaign(study: Study) -> None:
    """Draw the form of a new campaign; after it is made, the page opens the campaign's link.

    If a setting is invalid, its sentence is shown and what was typed stays.
    """
    chosen_kind = st.radio(
        "What raters do",
        list(KIND_LINES),
        format_func=KIND_NAMES.__getitem__,
        captions=list(KIND_LINES.values()),
        key="campaigns.kind",
    )
    kind = CampaignKind(str(chosen_kind))
    with resources.store()() as session:
        known = tasks.tasks(session, study.id)
    if not known:
        st.rerun()  # the last task has gone meanwhile: the page says what to do
    task = _task(known, kind)
    suggested = f"{KIND_NAMES[kind]}: {task.name}" if task else KIND_NAMES[kind]
    scope = study.name
    name = unsaved.text("Name", key="campaigns.name", scope=scope, placeholder=suggested, width=420, max_chars=200)
    arm_ids = _arms(task) if task else ()
    sizes = _sizes(kind, pairs=math.comb(len(known), 2) if kind == CampaignKind.COMPARE else None)
    instructions = unsaved.text(
        "Instructions for raters",
        key="campaigns.instructions",
        scope=scope,
        height=80,
        placeholder="Anything raters should know beyond the question and the labels",
    )
    with st.expander("Consent, check, quality and panel", key=f"campaigns.rules.{kind}"):
        first = Protocol(check=protocol.default_check(kind))
        fields = rules.protocol_fields(first, kind=kind, key=f"campaigns.new.{kind}", is_new=True)
    plan = None
    with show_errors():
        filled = Plan(
            name=name.strip() or suggested, kind=kind, task=task, arm_ids=arm_ids, instructions=instructions.strip(),
            protocol=rules.read(fields), seed=_seed(), **sizes,
        )  # fmt: skip
        _draw_effort(study, filled)
        plan = filled
    if st.button("Make the campaign", type="primary", key="campaigns.make", disabled=plan is None) and plan is not None:
        with show_errors():
            _make(study, plan)


def _task(known: list[Task], kind: CampaignKind) -> Task | None:
    """The chosen task; None for a campaign that compares all tasks."""
    if kind == CampaignKind.COMPARE:
        st.caption(
            f"Every pair of the {len(known)} tasks is compared: {plain(', '.join(shown(task.name) for task in known))}."
        )
        return None
    names = [task.name for task in known]
    last = st.session_state.get("pickers.task")
    chosen = st.selectbox(
        "Task",
        names,
        index=names.index(last) if last in names else 0,
        format_func=shown,
        key="campaigns.task",
        width=420,
    )
    return known[names.index(chosen)]


def _arms(task: Task) -> tuple[int, ...]:
    """The ids of the arms whose texts are rated. Raters do not see which arm a text is from."""
    with resources.store()() as session:
        found = {arm.id: arm for arm in tasks.arms(session, task.id)}
    real = [arm.id for arm in found.values() if arm.kind == ArmKind.REAL]
    chosen = pickers.pick_several(
        "Texts from",
        list(found),
        default=real,
        format_func=lambda arm_id: _arm_words(found[arm_id]),
        key=f"campaigns.arms.{task.id}",
        width=420,
    )
    if len(chosen) > 1:
        st.caption("The arms are mixed blind: raters see the text only, never its arm or the label it came with.")
    return tuple(chosen)


def _arm_words(arm: Arm) -> str:
    return f"{arm.name} (test texts)" if arm.kind == ArmKind.REAL else arm.name


def _sizes(kind: CampaignKind, *, pairs: int | None) -> dict[str, int]:
    """The sizes of the campaign, by the field names of `Plan`. `pairs`: the pairs of tasks that there are, if tasks are compared."""
    noun = ITEM.get(kind, "item")
    per_item, per_rater = SIZES[kind]
    if pairs:
        per_rater = min(per_rater, pairs)
    sizes = {}
    with st.container(horizontal=True):
        if kind != CampaignKind.COMPARE:
            sizes["per_class"] = st.number_input(
                "Texts per label", 1, 1000, PER_LABEL.get(kind, 50), key=f"campaigns.per_class.{kind}", width=150,
                help="Of each label and arm, drawn at random.",
            )  # fmt: skip
        if kind == CampaignKind.COMPARE_ITEMS:
            sizes["pairs_per_item"] = st.number_input("Pairs per text", 2, 100, 4, key="campaigns.pairs", width=150)
        sizes["raters_per_item"] = st.number_input(
            f"Raters per {noun}", 1, 1000, per_item, key=f"campaigns.raters.{kind}", width=150
        )
        sizes["items_per_rater"] = st.number_input(
            f"{noun.capitalize()}s per rater", 1, 1000, per_rater, key=f"campaigns.items.{kind}", width=150
        )
    return {field: int(value) for field, value in sizes.items()}


def _seed() -> int:
    """A seed drawn once per planned campaign, so that the effort shown is that of the campaign made."""
    return int(st.session_state.setdefault("campaigns.seed", secrets.randbits(31)))


def _draw_effort(study: Study, plan: Plan) -> None:
    """Show how many items, answers, raters and minutes a plan takes."""
    with resources.store()() as session:
        found = effort.of_plan(session, study_id=study.id, plan=plan)
    noun = ITEM.get(plan.kind, "item")
    numbers = {
        f"{noun.capitalize()}s": f"{found.items:,}",
        "Answers wanted": f"{found.answers:,}",
        "Raters needed": f"{found.raters:,}",
        "Minutes per rater": f"about {math.ceil(found.minutes)}",
    }
    with st.container(horizontal=True):
        for name, value in numbers.items():
            with st.container(width=140):
                st.metric(name, value)
    extra = f" and {found.checks} checks" if found.checks else ""
    st.caption(
        f"Each rater sees {found.per_rater} {noun}s{extra}. Some will stop early: invite about {found.invited}. "
        "Minutes are estimated from the length of the texts."
    )


def _make(study: Study, plan: Plan) -> None:
    with resources.store().write() as session:
        campaign = campaigns.make(session, study_id=study.id, plan=plan)
    st.session_state["campaigns.made"] = campaign.id
    st.session_state.pop("campaigns.seed", None)
    unsaved.forget("campaigns.name", "campaigns.instructions", "campaigns.new.")
    set_notice("The campaign is open. Send its link to raters.")
    st.rerun()
