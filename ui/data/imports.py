"""Import of labelled texts on the screen: target, columns, contents of the file, and decisions about labels."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import pandas as pd
import streamlit as st

from core.errors import StudyError
from core.study.exchange import columns_in_files, held_texts, importing, labels_in_files, tables
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Task
from core.wording import shown
from ui.shared import resources, words
from ui.shared import tables as shared_tables
from ui.unsaved import fields as unsaved

DRAWN = "drawn anew, whatever the file says"
SPLITS = ["as in the file, or drawn", DRAWN, "train", "validation", "test", "pool"]
NEW = "A new task"
IN_HAND = "data.in_hand"  # the digest of the file whose import is being prepared
MOST_MAPPED = 12
MOST_VALUES = 100
WHAT_AN_ARM_IS_HERE = (
    "The texts that people wrote are the arm real; texts that a model wrote go into an arm of their own."
)


@dataclass(frozen=True)
class Target:
    """The task and arm that texts are imported into.

    `name`: of the task, "" while no task is chosen. `question`: what a labeller is asked, for a new task. `known`: names of
    the task's labels. `task_id`: None for a new task, and while no task is chosen.
    """

    name: str
    arm: str
    question: str
    is_new: bool
    known: Sequence[str]
    task_id: int | None = None


def begin_file(digest: str, file: str, *, needy: Collection[str]) -> None:
    """Forget what was decided about another file where it would change the meaning of this one: its split, its rows and its arm.

    `digest`: of the file in hand. `file`, `needy`: as for `pick_target`.
    """
    before = st.session_state.get(IN_HAND)
    st.session_state[IN_HAND] = digest
    if before in (None, digest):
        return
    st.session_state["data.split"], st.session_state["data.split_column"] = SPLITS[0], None
    st.session_state["data.where"] = []
    _propose_arm(file, needy)


def pick_target(known: Sequence[Task], labels: dict[str, list[str]], file: str, *, needy: Collection[str]) -> Target:
    """Choose the task and arm that a file is imported into; a new task is first named like the file.

    `labels`: names of the labels of each task, by its name. `file`: the name of the file. `needy`: names of the tasks that
    wait for real texts, for which the arm real is chosen at first.
    """
    names = [NEW, *[task.name for task in known]]
    proposed = "" if (stem := PurePath(file).stem) in names else stem
    with st.container(horizontal=True):
        chosen = st.selectbox(
            "Task", names, index=None if known else 0, key="data.task", width=260, placeholder="Choose a task",
            format_func=shown, on_change=_propose_arm, args=(file, needy),
        )  # fmt: skip
        if chosen == NEW:
            name = unsaved.text("Name of the task", proposed, key=f"data.name.{proposed}", width=260)
            question = unsaved.text(
                "What a labeller is asked",
                key=f"data.question.{proposed}",
                placeholder="Is this ticket urgent?",
                width=320,
            )
            is_free = _is_free(name.strip(), known)
            return Target(name.strip() if is_free else "", str(ArmKind.REAL), question, True, ())
        kinds = [str(kind) for kind in ArmKind if kind != ArmKind.OTHER]
        arm = st.selectbox(
            "Arm", kinds, index=None, key="data.arm", accept_new_options=True, width=220, placeholder="Choose or write an arm",
            help=f"{words.WHAT_AN_ARM_IS} {WHAT_AN_ARM_IS_HERE}",
        )  # fmt: skip
    ids = {task.name: task.id for task in known}
    return Target(chosen or "", arm or "", "", False, labels.get(chosen or "", []), ids.get(chosen or ""))


def _is_free(name: str, known: Sequence[Task]) -> bool:
    """Whether no task has this name, also as pages write it; say so if a task has it."""
    taken = next((task.name for task in known if shown(task.name) == shown(name)), None)
    if taken is not None:
        st.warning(
            words.plain(f"This study has a task “{shown(taken)}” already. Choose it above, or write another name.")
        )
    return taken is None


def _propose_arm(file: str, needy: Collection[str]) -> None:
    """Choose the arm that the file or the address names, else real if the task waits for real texts, else none."""
    kinds = [str(kind) for kind in ArmKind if kind != ArmKind.OTHER]
    stem = re.sub(r"[ _.]+", "-", PurePath(file).stem.casefold())
    named = next((kind for kind in kinds if re.search(rf"(^|-){kind}(-|$)", stem)), None)
    asked = st.query_params.get("arm")
    real = str(ArmKind.REAL) if st.session_state.get("data.task") in needy else None
    st.session_state["data.arm"] = named or real or (asked if asked in kinds else None)


def pick_columns(table: tables.Table) -> importing.Options | None:
    """Choose the columns of text, label and split, and the rows to import; return None until text and label are chosen."""
    columns = list(table.frame.columns)
    likely = {
        "text": columns_in_files.likely(columns, columns_in_files.TEXT_NAMES),
        "label": columns_in_files.likely(columns, columns_in_files.LABEL_NAMES),
    }
    with st.container(horizontal=True):
        text, label = (
            st.selectbox(
                f"Column of the {name}",
                columns,
                index=columns.index(found) if found in columns else None,
                key=f"data.{name}",
                width=220,
                placeholder="Choose a column",
            )
            for name, found in likely.items()
        )
        split = st.selectbox("Split", SPLITS, key="data.split", width=220)
    if text is None or label is None or text == label:
        st.info("Choose the column of the text and another one for the label.")
        return None
    with st.expander("Choose rows, the column of the split, or rename labels"):
        rest = [column for column in columns if column not in (text, label)]
        split_column = st.selectbox(
            "Column of the split", rest, index=None, key="data.split_column", width=260, placeholder="by its usual name"
        )
        where, rename = _where(table), _renames()
    return importing.Options(
        text=text,
        label=label,
        split={SPLITS[0]: None, DRAWN: columns_in_files.DRAW}.get(split, split),
        where=where,
        rename=rename,
        split_column=split_column,
    )


def _where(table: tables.Table) -> dict[str, str]:
    """Draw the choice of values that imported rows must have; return them as column -> value."""
    columns = list(table.frame.columns)
    filtered = st.multiselect(
        "Only rows with one value in these columns", columns, key="data.where", placeholder="all rows"
    )
    found: dict[str, str] = {}
    with st.container(horizontal=True):
        for column in filtered:
            values = table.frame[column].value_counts().index.tolist()[:MOST_VALUES]
            chosen = st.selectbox(
                f"“{column}” is", values, key=f"data.where.{column}", width=220, accept_new_options=True
            )
            found[column] = str(chosen or "")
    return found


def _renames() -> dict[str, str]:
    """Draw a field for renamed labels, one a line; return them as label in the file -> label in the task."""
    lines = st.text_area(
        "Labels to rename, one a line",
        key="data.renames",
        placeholder="label in the file = label in the task",
        height=90,
    )
    pairs = [line.partition("=") for line in lines.splitlines() if line.strip()]
    for in_file, _, in_task in pairs:
        if not (in_file.strip() and in_task.strip()):
            st.warning(words.plain(f"Write a label of the file, =, and a label of the task; found “{in_file}”."))
    return {in_file.strip(): in_task.strip() for in_file, _, in_task in pairs if in_file.strip() and in_task.strip()}


def review_import(table: tables.Table, options: importing.Options, target: Target) -> importing.Options | None:
    """Show the contents of the file and ask for decisions about its labels; return the options with the decisions.

    While a decision is missing or the file cannot be imported, show the reason and return None.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        fold = st.checkbox("Treat labels that look alike as the same", key="data.fold")
        keep = st.checkbox("Keep every label as it is written", key="data.keep_labels")
        drop = st.checkbox("Leave out texts with several labels", key="data.drop_several")
        cuts = st.text_input("Cut numbers into classes at", key="data.cut", placeholder="0.5, 0.8", width=160)
    held = _held(table, target)
    is_real = target.arm == ArmKind.REAL
    try:
        chosen = replace(options, choices=labels_in_files.Choices(fold, keep, drop, _numbers(cuts)))
        found = importing.look(table, chosen, known=target.known, real=is_real, held=held)
        if renamed := _renamed(found, target):
            chosen = replace(chosen, rename={**chosen.rename, **renamed})
            found = importing.look(table, chosen, known=target.known, real=is_real, held=held)
    except StudyError as error:
        st.warning(words.plain(_on_a_page(str(error))))
        return None
    _show(found)
    if found.refused:
        st.warning(words.plain(_on_a_page(found.refused)))
    return None if found.refused else chosen


def _held(table: tables.Table, target: Target) -> held_texts.Held | None:
    """The texts that the task holds already; None for a new task."""
    if target.task_id is None:
        return None
    with resources.store()() as session:
        return held_texts.read(session, task_id=target.task_id, arm=target.arm, sha256=table.sha256)


def _show(found: importing.Findings) -> None:
    """Show columns, labels with counts, and the rows that would be left out."""
    kept = sum(found.splits.values())
    columns = ", ".join(f"{name} from “{column}”" for name, column in found.columns.items())
    splits = ", ".join(f"{split} {n:,}" for split, n in found.splits.items())
    st.text(f"{found.read:,} rows, {kept:,} will be kept ({splits or 'none'}); {columns}. Nothing is stored yet.")
    if found.passed_over:
        st.text(f"Rows left out because they do not have the values chosen above: {found.passed_over:,}.")
    left, right = st.columns(2)
    with left:
        counted = [(name, n, found.in_test.get(name, 0)) for name, n in found.labels.items()]
        shared_tables.table(pd.DataFrame(counted, columns=["label", "rows", "in_test"]), key="data.labels")
    with right:
        if found.left_out:
            left_out = pd.DataFrame(found.left_out.items(), columns=["reason", "rows"])
            shared_tables.table(left_out, key="data.left_out")
    for group in found.alike:
        st.text(f"These labels look alike: {', '.join(group)}.")
    for note in found.notes:
        if note.startswith(held_texts.NO_TEST):
            st.warning(words.plain(_on_a_page(note)))
            st.button("Draw a test share, and ignore the file's split", key="data.draw", on_click=_draw_splits)
        else:
            st.text(_on_a_page(note))


def _draw_splits() -> None:
    """Draw the split of every row, whatever the file says."""
    st.session_state["data.split"], st.session_state["data.split_column"] = DRAWN, None


def _renamed(found: importing.Findings, target: Target) -> dict[str, str]:
    """Ask for the meaning of each unknown label; return the answers as label in the file -> label in the task."""
    renamed: dict[str, str] = {}
    if not target.known:
        return renamed
    with st.container(horizontal=True):
        for name in list(found.unknown)[:MOST_MAPPED]:
            label = st.selectbox(
                f"“{name}” means",
                list(target.known),
                index=None,
                key=f"data.rename.{name}",
                width=180,
                placeholder="none",
            )
            if label is not None:
                renamed[name] = label
    return renamed


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.replace(";", ",").split(",") if part.strip())
    except ValueError as error:
        raise StudyError(f"Limits are numbers separated by commas; found {text!r}.") from error


def _on_a_page(sentence: str) -> str:
    """A message of core with the options of the command replaced by the names of the fields on this page."""
    for option, box in (
        ("(--fold)", "(the first box above)"),
        ("(--keep-labels)", "(the second box above)"),
        ("(--drop-several)", "(the third box above)"),
        ("(--cut 0.5)", "(in the field above)"),
        ("(--split draw)", "(Split: drawn anew)"),
        ("(--split)", "(Split)"),
        ("(--split-column)", "(Column of the split)"),
    ):
        sentence = sentence.replace(option, box)
    start = sentence.find(" Map them with --")
    return sentence[:start] + " Say above what they mean." if start >= 0 else sentence
