"""Answers from files: our own columns, those of other tools, Label Studio and Potato."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from core.errors import StudyError
from core.study import tasks
from core.study.exchange import tables
from core.study.rows.study import Study, Task
from core.subjectivity.exchange import counted, formats, imported, pseudonyms, winners
from core.subjectivity.exchange.imported import Imported
from ui.shared import resources, words
from ui.shared.uploads import uploaded_table
from ui.shared.words import done, problem

COMPARISONS = "task comparisons"
GUESS = "as guessed"
MOST_MAPPED = 12


def import_panel(study: Study, known: dict[str, Task]) -> None:
    """A file of answers, and what it is about; what is found in it is shown before anything is stored."""
    with st.expander("Bring in answers from a file"):
        st.caption(
            "Ratings: item_id, rater_id, label (or task, worker, label), and best a text, so that items find their samples. "
            "Comparisons of tasks: rater_id, left, right, winner. Label Studio's and Potato's files are read as they are."
        )
        target = st.selectbox("About", [COMPARISONS, *known], key="campaigns.target", width=420)
        table = uploaded_table("Answers", key="campaigns.file")
        if table is None:
            return
        options = _looked_at(table, _options(table, known.get(target)), known.get(target))
        if options is None:
            return
        if st.button("Import answers", key="campaigns.import"):
            with problem():
                with resources.store().write() as session:
                    if target == COMPARISONS:
                        brought = imported.import_comparisons(session, study_id=study.id, table=table, options=options)
                    else:
                        brought = imported.import_ratings(session, task=known[target], table=table, options=options)
                done(_words(brought))
                st.rerun()


def _options(table: tables.Table, task: Task | None) -> formats.Options:
    """How the file is to be read, where a person says so."""
    columns = list(table.frame.columns)
    ours = [*formats.COMPARISONS, "item_id"] if task is None else formats.RATINGS
    with st.container(horizontal=True, vertical_alignment="bottom"):
        guessed = [GUESS, *columns]
        field = st.selectbox(
            "Question or column of the answer", guessed, key="campaigns.field", width=240, accept_new_options=True
        )
        names = {
            name: st.selectbox(f"Column {name}", guessed, key=f"campaigns.column.{name}", width=170) for name in ours
        }
        rater = st.text_input("All answers are this rater's", key="campaigns.rater", width=200)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wide = st.checkbox("A row is an item, each other column a rater", key="campaigns.wide")
        fold = st.checkbox("Take labels that look alike for one", key="campaigns.fold")
        keep = st.checkbox("Take every label as it is written", key="campaigns.keep_labels")
        whole = st.checkbox("Several labels at once are one label of their own", key="campaigns.whole_sets")
        has = st.text_input("Look only whether this label was given", key="campaigns.has", width=240)
    raters = st.multiselect("Columns of raters (empty: as guessed)", columns, key="campaigns.raters") if wide else []
    return formats.Options(
        field=None if field in (GUESS, None) else field,
        wide=wide,
        raters=tuple(raters),
        rater=rater.strip() or None,
        names={name: column for name, column in names.items() if column != GUESS},
        choices=counted.Choices(fold=fold, keep_labels=keep, whole_sets=whole, has=has.strip() or None),
        key=pseudonyms.key_in(resources.settings().home),
    )


def _looked_at(table: tables.Table, options: formats.Options, task: Task | None) -> formats.Options | None:
    """Show what was taken for what, the labels with their counts, and what is left out; the options with what labels mean.

    None when the file cannot be read.
    """
    known: list[str] = [str(side) for side in winners.SIDES]
    if task is not None:
        with resources.store()() as session:
            known = [label.name for label in tasks.labels_of(session, task.id)]
    options = _renamed(table, options, task, known)
    try:
        found = (
            formats.comparisons_in(table, options)
            if task is None
            else formats.ratings_in(table, formats.with_known(options, known))
        )
    except StudyError as error:
        st.warning(words.plain(_on_a_page(str(error))))
        return None
    taken = "; ".join(f"{ours} from “{theirs}”" for ours, theirs in found.columns.items())
    st.text(f"{found.read:,} answers, {len(found.frame):,} to be kept. Read: {taken}. Nothing is stored yet.")
    column = "winner" if task is None else "label"
    with st.container(horizontal=True):
        counts = found.frame[column].value_counts().rename_axis(column).reset_index(name="rows")
        words.table(counts, key="campaigns.labels")
        if found.left_out:
            words.table(pd.DataFrame(found.left_out.items(), columns=["why", "rows"]), key="campaigns.left_out")
    for note in found.notes:
        st.text(_on_a_page(note))
    return options


def _renamed(table: tables.Table, options: formats.Options, task: Task | None, known: Sequence[str]) -> formats.Options:
    """The options with what a person says that the file's own words mean."""
    strangers = _strangers(table, options, task, known)
    if not strangers:
        return options
    kept: dict[str, str] = st.session_state.setdefault(
        "campaigns.meant", {}
    )  # a field that is away for a moment forgets
    meant: dict[str, str] = {}
    with st.container(horizontal=True):
        for name in strangers[:MOST_MAPPED]:
            before = known.index(kept[name]) if kept.get(name) in known else None
            label = st.selectbox(
                f"“{name}” means", known, index=before, key=f"campaigns.rename.{name}", width=180, placeholder="none"
            )
            if label is None:
                kept.pop(name, None)
            else:
                meant[name] = kept[name] = label
    if len(strangers) > MOST_MAPPED:
        st.caption(f"{len(strangers) - MOST_MAPPED:,} more labels are not shown here; they are left out.")
    return replace(options, choices=replace(options.choices, rename=meant))


def _strangers(table: tables.Table, options: formats.Options, task: Task | None, known: Sequence[str]) -> list[str]:
    """What the file says in place of the task's labels, or of the sides of a comparison where they are 0 and 1."""
    if task is None:
        return winners.zeros(table, options.names.get("winner") or options.field)
    if options.choices.keep_labels or options.choices.whole_sets or options.choices.has:
        return []
    try:
        found = formats.ratings_in(table, options)
    except StudyError:
        return []
    return [str(name) for name in found.frame["label"].value_counts().index if name not in known]


def _on_a_page(sentence: str) -> str:
    """A sentence of the command with the page's own names for its options."""
    for option, there in (
        ("Say which with --field", "Say which in the field of the question"),
        ("with --rater NAME", "in the field “All answers are this rater's”"),
        ("; where raters gave several: --whole-sets or --has", "; where raters gave several, say so above"),
        ("Say it: --rename 0=left --rename 1=right, or the other way round; a tie is --rename 0=tie.", "Say it above."),
        ("(--fold takes them for one)", "(a box above takes them for one)"),
        ("(--whole-sets)", "(a box above)"),
        ("(--keep-labels)", "(a box above)"),
    ):
        sentence = sentence.replace(option, there)
    sentence = re.sub(r"\(--has '.*?'\)", "(in the last field)", sentence)
    return re.sub(r"Say which is which \(.*?\), or keep", "Say above what they mean, or keep", sentence)


def _words(brought: Imported) -> str:
    left_out = ", ".join(f"{n} {reason}" for reason, n in brought.rejected.items())
    return f"{brought.kept:,} of {brought.read:,} answers kept; {brought.matched:,} items found their samples." + (
        f" Left out: {left_out}." if left_out else ""
    )
