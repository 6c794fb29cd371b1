"""The head of a page: its title, the steps of the task in hand with ticks, and the step that comes next with its button."""

import streamlit as st

from core.steps.guide import way
from core.steps.guide.way import Step, Way
from core.study import state
from core.study.rows.study import Study
from core.wording import shown
from ui.shared import jobs, links, resources, words

OF_ONE_TASK = ("prompts", "generate", "inspect", "compare", "verdict")  # these choose a task, at first the first one
OF_ALL_TASKS = ("overview", "plan", "report", "analyse")
MARKS = {"done": "✓", "next": "➜", "running": "▶", "paused": "‖", "optional": "◦", "open": "·"}
GOING_ON = {
    "generate": "LLM texts are being written.",
    "inspect": "The texts are being checked.",
    "campaigns": "An LLM is rating texts.",
    "train": "Training is going on.",
}
WAITING = {"train": "Training waits for a free slot."}  # every page notices when a training begins, but not other work
PAUSED = {
    "generate": "The writing of LLM texts is paused",
    "inspect": "The check of the texts is paused",
    "campaigns": "The rating by an LLM is paused",
    "train": "Training is paused",
}
ENDS = {  # page on which a way ends -> the pages to go to
    "verdict": (("report", "Share it"), ("present", "Present it")),
    "report": (("verdict", "Read it"), ("present", "Present it")),
}


def title(text: str, study: Study) -> None:
    """Draw a page's title, with a badge if the study is the bundled sample, and the way of its task below."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(words.plain(text), width="content")
        if study.is_sample:
            words.sample_badge()
        if text != study.name:
            st.caption(words.plain(f"Study {study.name}"), width="content")
    if resources.reads_only():
        return
    found = ways_of(study)
    page = str(st.session_state.get("frame.page", ""))
    if (here := _in_hand(found, page)) is not None:
        _draw(here, page, is_one_of_many=len(found) > 1)
    elif page == "overview":
        _draw_begin(study)


def ways_of(study: Study) -> list[Way]:
    """The ways of the tasks of a study, as `way.ways`, computed once for each state of the stored rows."""
    with resources.store()() as session:
        return _ways(study.id, (*state.stamp(session), *way.stamp(session, study.id)))


@st.cache_data(max_entries=64, show_spinner=False)
def _ways(study_id: int, stamp: tuple[object, ...]) -> list[Way]:
    del stamp
    with resources.store()() as session:
        return way.ways(session, study_id)


def _in_hand(found: list[Way], page: str) -> Way | None:
    """The way of the task in hand, on a page where one is chosen of the first if none is; on a page about all tasks, the first way
    that is not at its end, if any."""
    name = st.session_state.get("pickers.task") or st.query_params.get("task")
    chosen = next((each for each in found if each.task == name), None)
    first = way.first_open(found)
    if page in OF_ALL_TASKS:
        return chosen if chosen is not None and first is not None and first.next.page == "verdict" else first
    if chosen is not None:
        return chosen
    return found[0] if page in OF_ONE_TASK and found else first


def _draw(here: Way, page: str, *, is_one_of_many: bool) -> None:
    with st.container(key="way", border=False, gap="xxsmall"):
        with st.container(horizontal=True, key="way.steps", gap="small"):
            for step in here.steps:
                with st.container(width="content", key=f"way.step.{step.page}.{_mark(step, here)}"):
                    st.page_link(
                        links.page_file(step.page),
                        label=f"{MARKS[_mark(step, here)]} {step.name}",
                        help=words.plain(_told(step)),
                    )
        _draw_next(here, page, is_one_of_many=is_one_of_many)


def _draw_begin(study: Study) -> None:
    """Draw the first step of a study without a task, unless a job makes its tasks."""
    if said := jobs.said_of_training(study.id):
        st.info(said)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Next:** Bring in real texts with their labels; they define the task.", width="content")
        if st.button("Go to Tasks and data", type="primary", key="way.next"):
            st.switch_page(links.page_file("data"))


def _draw_next(here: Way, page: str, *, is_one_of_many: bool) -> None:
    """Draw the next step in words, with a button that opens its page; while a job works on it, the step to do meanwhile."""
    following, lead = here.next, "**Next:**"
    if following.page == "verdict" and page in ENDS:
        _draw_end(here, page)
        return
    if following.is_paused and following.doing.resumes_at is None:
        _draw_paused(following)
        return
    if following.doing.states:
        lead = _now(following)
        if here.meanwhile is not None:
            following, lead = here.meanwhile, f"{lead} **Meanwhile:**"
        else:
            following, lead = here.steps[here.steps.index(following) + 1], f"{lead} **Then:**"
    said = following.wanted
    if is_one_of_many and shown(here.task) not in said:
        said = f"{shown(here.task)}. {said}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{lead} {words.plain(said)}", width="content")
        if following.page == page:
            return
        if st.button(f"Go to {following.name}", type="primary" if page == "overview" else "secondary", key="way.next"):
            st.session_state["pickers.task"] = here.task
            if following.page == "inspect":
                st.session_state["inspect.synthetic"] = here.task
            st.switch_page(links.page_file(following.page))


def _now(step: Step) -> str:
    """What jobs do at a step now: work, wait for a slot, or rest until they go on by themselves."""
    if step.is_paused:
        return f"‖ {PAUSED[step.page]} and goes on by itself."
    waiting = WAITING.get(step.page) if step.doing.is_waiting else None
    return f"▶ {waiting or GOING_ON[step.page]}"


def _draw_paused(step: Step) -> None:
    """Say that the jobs of the next step are paused, with a button to where they are resumed."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"‖ {PAUSED[step.page]}. **Next:** Resume it on Jobs.", width="content")
        if st.button("Go to Jobs", key="way.next"):
            st.switch_page(links.page_file("jobs"))


def _draw_end(here: Way, page: str) -> None:
    """Say on the pages of the verdict that the way ends there, and what can be done with a verdict or against its doubts."""
    more = "more seeds, test texts and ratings" if here.meanwhile else "more seeds and test texts"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"**The last step of {words.plain(shown(here.task))}:** share the verdict; {more} make it surer.",
            width="content",
        )
        with st.container(horizontal=True, width="content", gap="small"):
            for other, label in ENDS[page]:
                if st.button(label, key=f"way.{other}"):
                    st.switch_page(links.page_file(other))


def _mark(step: Step, here: Way) -> str:
    if step.is_running or step.is_paused:
        return "running" if step.is_running else "paused"
    if step.is_done:
        return "done"
    if step is here.next:
        return "next"
    return "optional" if step.is_optional else "open"


def _told(step: Step) -> str:
    """What a step has so far and what it is for, for its help text."""
    has = f"{step.has}. " if step.has else ""
    return f"{has}{'Not needed for a verdict, and makes it surer. ' if step.is_optional else ''}{step.wanted}"
