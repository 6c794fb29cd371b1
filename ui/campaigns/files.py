"""Import answers from a file of any format that `core.subjectivity.exchange.formats` reads."""

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
from core.wording import shown
from ui.shared import resources, words
from ui.shared import tables as shared_tables
from ui.shared.uploads import uploaded_table
from ui.shared.words import set_notice, show_errors

COMPARISONS = "task comparisons"
GUESS = "as guessed"
MOST_MAPPED = 12
REPLACES = "It replaces the earlier file of this name"


def import_panel(study: Study, known: dict[str, Task]) -> None:
    """Draw the upload of a file of answers, show what was found in the file, and store the answers on a click.

    `known` maps the name of each task of the study to the task.
    """
    with st.expander("Bring in answers from a file"):
        st.caption(
            "Ratings: item_id, rater_id, label (or task, worker, label), and, if possible, text, which matches items to samples. "
            "Comparisons of tasks: rater_id, left, right, winner. Label Studio's and Potato's files are read as they are."
        )
        targets = [COMPARISONS, *known]
        target = st.selectbox("About", targets, key="campaigns.target", width=420, format_func=shown)
        table = uploaded_table("Answers", key="campaigns.file")
        if table is None:
            return
        task = known.get(target)
        reviewed = _reviewed(table, _options(table, task), task)
        if reviewed is None:
            return
        options, raters = reviewed
        replaces = _replaces(study, task, table.file, raters)
        if st.button("Import answers", key="campaigns.import"):
            with show_errors():
                with resources.store().write() as session:
                    if target == COMPARISONS:
                        result = imported.import_comparisons(
                            session, study_id=study.id, table=table, options=options, replaces_all=replaces
                        )
                    else:
                        result = imported.import_ratings(
                            session, task=known[target], table=table, options=options, replaces_all=replaces
                        )
                set_notice(_summary(result, table.file))
                st.rerun()


def _replaces(study: Study, task: Task | None, file: str, raters: Sequence[str]) -> bool:
    """Ask whether earlier files of this name go, where some would stay because other raters gave their answers."""
    with resources.store()() as session:
        n = imported.n_beside(session, study_id=study.id, task_id=task.id if task else None, file=file, raters=raters)
    if not n:
        return False
    st.caption(
        f"Answers of other raters came in before from a file of the name {words.plain(file)}. They stay beside these; "
        "with the box ticked they are deleted."
    )
    return st.checkbox(REPLACES, key="campaigns.replace")


def _options(table: tables.Table, task: Task | None) -> formats.Options:
    """Draw the fields that say how to read the file; return the options they hold. `task` is None for comparisons."""
    columns = list(table.frame.columns)
    required = [*formats.COMPARISONS, "item_id"] if task is None else formats.RATINGS
    with st.container(horizontal=True, vertical_alignment="bottom"):
        guessed = [GUESS, *columns]
        field = st.selectbox(
            "Question or column of the answer", guessed, key="campaigns.field", width=240, accept_new_options=True
        )
        names = {
            name: st.selectbox(f"Column {name}", guessed, key=f"campaigns.column.{name}", width=170)
            for name in required
        }
        rater = st.text_input("Rater of all answers", key="campaigns.rater", width=200)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wide = st.checkbox("A row is an item, each other column a rater", key="campaigns.wide")
        fold = st.checkbox("Treat labels that look alike or are equal numbers as the same", key="campaigns.fold")
        keep = st.checkbox("Keep every label as it is written", key="campaigns.keep_labels")
        whole = st.checkbox("Treat several labels in one answer as a label of its own", key="campaigns.whole_sets")
        has = st.text_input("Only read whether this label was given", key="campaigns.has", width=240)
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


def _reviewed(
    table: tables.Table, options: formats.Options, task: Task | None
) -> tuple[formats.Options, list[str]] | None:
    """Show the columns read, the labels with their counts and the rows left out.

    Returns the options with the meanings chosen for unknown labels, and the raters; None if the file cannot be read.
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
    columns = "; ".join(f"{name} from “{column}”" for name, column in found.columns.items())
    st.text(f"{found.read:,} answers, {len(found.frame):,} will be kept. Read: {columns}. Nothing is stored yet.")
    column = "winner" if task is None else "label"
    with st.container(horizontal=True):
        counts = found.frame[column].value_counts().rename_axis(column).reset_index(name="rows")
        shared_tables.table(counts, key="campaigns.labels")
        if found.left_out:
            left_out = pd.DataFrame(found.left_out.items(), columns=["reason", "rows"])
            shared_tables.table(left_out, key="campaigns.left_out")
    for note in found.notes:
        st.text(_on_a_page(note))
    return options, sorted(set(found.frame["rater_id"]))


def _renamed(table: tables.Table, options: formats.Options, task: Task | None, known: Sequence[str]) -> formats.Options:
    """Ask for the meaning of each unknown label of the file; return the options with these renames."""
    unknown = _unknown_labels(table, options, task, known)
    if not unknown:
        return options
    # Kept apart from the widgets: Streamlit forgets the value of a widget that is not drawn in a run.
    kept: dict[str, str] = st.session_state.setdefault("campaigns.meant", {})
    rename: dict[str, str] = {}
    with st.container(horizontal=True):
        for name in unknown[:MOST_MAPPED]:
            before = known.index(kept[name]) if kept.get(name) in known else None
            label = st.selectbox(
                f"“{name}” means", known, index=before, key=f"campaigns.rename.{name}", width=180, placeholder="none"
            )
            if label is None:
                kept.pop(name, None)
            else:
                rename[name] = kept[name] = label
    if len(unknown) > MOST_MAPPED:
        st.caption(f"{len(unknown) - MOST_MAPPED:,} more labels are not shown here; they are left out.")
    return replace(options, choices=replace(options.choices, rename=rename))


def _unknown_labels(
    table: tables.Table, options: formats.Options, task: Task | None, known: Sequence[str]
) -> list[str]:
    """The labels of a file of ratings that the task does not have, or winners written as 0 and 1; the most frequent first."""
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
    """A message of core with the options of the command replaced by the names of the fields on this page."""
    for option, field in (
        ("Say which with --field", "Say which in the field of the question"),
        ("with --rater NAME", "in the field “Rater of all answers”"),
        ("; where raters gave several: --whole-sets or --has", "; where raters gave several, say so above"),
        ("Say it: --rename 0=left --rename 1=right, or the other way round; a tie is --rename 0=tie.", "Say it above."),
        ("(--fold takes them for one)", "(a box above takes them for one)"),
        ("(--whole-sets)", "(a box above)"),
        ("(--wide)", "(a box above)"),
        ("(--rater)", "(a field above)"),
        (imported.WAY_OUT, f"tick “{REPLACES}” and import it again"),
        ("(--keep-labels)", "(a box above)"),
        ("item was rated: --column item_id=NAME.", "item was rated, choose it in the field “Column item_id”."),
        ("Where others are meant: --rater-column NAME for each.", "Where others are meant, choose them above."),
    ):
        sentence = sentence.replace(option, field)
    sentence = re.sub(
        r"\(--column item_id=(.*?) (keeps the ids|takes each text for one item)\)",
        r"(\1 as “Column item_id” \2)",
        sentence,
    )
    sentence = re.sub(r"\(--has '.*?'\)", "(in the last field)", sentence)
    return re.sub(r"Say which is which \(.*?\), or keep", "Say above what they mean, or keep", sentence)


def _summary(result: Imported, file: str) -> str:
    """The numbers of answers that an import kept and left out, and what became of earlier files of this name, in words."""
    left_out = ", ".join(f"{n} {reason}" for reason, n in result.rejected.items())
    earlier = imported.about_earlier(words.plain(file), replaced=result.replaced, beside=result.beside)
    sentences = [
        f"{result.kept:,} of {result.read:,} answers kept; {result.matched:,} items were matched to samples.",
        *map(_on_a_page, earlier),
        *([f"Left out: {left_out}."] if left_out else []),
    ]
    return " ".join(sentences)
