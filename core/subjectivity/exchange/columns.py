"""Find the columns of item, rater and answer in a file by the names that annotation tools and papers use."""

import re
from collections.abc import Collection, Iterable, Mapping

from core.errors import StudyError
from core.study.exchange.columns_in_files import TEXT_NAMES
from core.wording import listed

# For each of our columns: unambiguous names, and names that count only if the file has no unambiguous name.
USUAL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "item_id": (
        ("task", "task_id", "item", "instance_id", "instance", "text_id", "sample_id", "example_id", "document_id",
         "doc_id", "sentence_id", "comment_id", "tweet_id", "post_id", "unit_id", "unit", "question_id"),
        ("id", "example", "sample"),
    ),
    "rater_id": (
        ("worker", "worker_id", "rater", "annotator", "annotator_id", "coder", "coder_id", "user", "user_id",
         "username", "labeler", "labeller", "labeler_id", "rater_name", "annotator_name", "coder_name", "labeler_name",
         "labeled_by", "rated_by", "annotated_by", "judge", "judge_id", "participant", "participant_id", "respondent",
         "prolific_id", "prolific_pid", "completed_by"),
        ("email", "pseudonym", "name"),
    ),
    "label": (
        ("labels", "label_name", "label_text", "annotation_label", "annotated_label", "rater_label", "rated_label",
         "annotation", "annotations", "rating", "answer", "response", "judgement", "judgment", "choice",
         "choices"),
        ("category", "class", "value", "score"),
    ),
    "left": (("left_task", "left_item", "a", "item_a", "option_a", "model_a", "item1", "item_1", "first"), ()),
    "right": (("right_task", "right_item", "b", "item_b", "option_b", "model_b", "item2", "item_2", "second"), ()),
    "winner": (
        ("label", "choice", "preferred", "preference", "answer", "response", "judgement", "judgment"),
        ("result", "annotation", "vote"),
    ),
}  # fmt: skip
TEXTS = (*TEXT_NAMES, "displayed_text", "comment", "post", "document")
SAYS = {
    "item_id": "which item was rated",
    "rater_id": "who rated",
    "label": "the label",
    "left": "what stood on the left",
    "right": "what stood on the right",
    "winner": "which side won",
}


def matched(names: Iterable[str], wanted: Iterable[str], *, given: Mapping[str, str], file: str) -> dict[str, str]:
    """Find the file's column for each wanted column: our column -> column of the file.

    `names`: the file's columns. `given`: columns that a person named. Raises `StudyError`, with the file's columns, if a
    column is missing or several columns could be meant.
    """
    everything = list(names)
    absent = [name for name in given.values() if name not in everything]
    if absent:
        raise StudyError(f"{file} has no column {absent[0]!r}. Its columns are {listed(everything)}.")
    found = {ours: theirs for ours, theirs in given.items() if theirs}
    for ours in wanted:
        if ours not in found:
            free = [name for name in everything if name not in found.values()]
            found[ours] = _usual(ours, free, file=file, everything=everything)
    return found


EFFORT = re.compile(r"(?:^|_)(?:duration|seconds|ms|place|excluded|because|kind|role|lead|submit|accept)(?:_|$)")
ABOUT = re.compile(
    r"(?:^|_)(?:remarks?|comments?|notes?|link|url|date|time|timestamp|source|split|created|updated|gold)(?:_|$)"
)
SUMMARY = re.compile(
    r"(?:^|_)(?:majority|consensus|final|mean|avg|average|median|std|sd|variance|n|num|count|counts|total|sum|agreement|entropy|"
    r"aggregated?|adjudicated|adjudication|truth|version|round|batch)(?:_|$)"
)


def has(ours: str, names: Iterable[str], given: Mapping[str, str]) -> bool:
    """Whether a person named the file's column for our column `ours`, or the file has a column of a usual name."""
    plain = {_plain(name) for name in names}
    return ours in given or bool(plain & {ours, *(name for usual in USUAL[ours] for name in usual)})


def telling_apart(names: Iterable[str], *, taken: Collection[str]) -> list[str]:
    """The columns in which two comparisons of the same pair may differ in subject: no times, remarks or efforts."""
    return [name for name in names if name not in taken and not is_about(name) and not EFFORT.search(_plain(name))]


def is_about(name: str) -> bool:
    """Whether a column's name says that it describes an item (a remark, link, date, source), so that it is no rater."""
    return ABOUT.search(_plain(name)) is not None


def is_summary(name: str) -> bool:
    """Whether a column's name says that its cells were computed from the answers of raters (a mean, majority, number)."""
    return SUMMARY.search(_plain(name)) is not None


def text_of(names: Iterable[str]) -> str | None:
    """The column of the texts by its usual name; None if no column has a usual name."""
    plain = {_plain(name): name for name in names}
    return next((plain[name] for name in TEXTS if name in plain), None)


def _usual(ours: str, names: list[str], *, file: str, everything: list[str]) -> str:
    """The column of the file with a usual name for our column `ours`.

    `names`: columns without a meaning so far. Raises `StudyError` if no column or several columns have a usual name.
    """
    if ours in names:
        return ours
    for usual in ((ours,), *USUAL[ours]):
        meant = [name for name in names if _plain(name) in usual]
        if len(meant) > 1:
            raise StudyError(
                f"{file} has several columns that could say {SAYS[ours]}: {listed(meant)}. Name the right one {ours}."
            )
        if meant:
            return meant[0]
    advice = " If all answers are one person's, say whose with --rater NAME." if ours == "rater_id" else ""
    raise StudyError(
        f"{file} has no column {ours!r} or another that says {SAYS[ours]}. Its columns are {listed(everything)}.{advice}"
    )


def _plain(name: str) -> str:
    """A name in lower case with single underscores: `itemId`, `Item ID` and `item-id` become `item_id`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.casefold()).strip("_")
