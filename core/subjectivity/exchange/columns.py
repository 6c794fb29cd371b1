"""Which columns of a file hold the item, the rater and the answer, by the names that annotation tools and papers use."""

import re
from collections.abc import Collection, Iterable, Mapping

from core.errors import StudyError
from core.study.exchange.columns_in_files import TEXT_NAMES

# For each of ours: names that mean nothing else, and names taken only when there is none of those.
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
    """Ours -> the file's name, for each wanted column. `given` goes before any guess.

    Raises `StudyError` with the file's columns when one is missing, or when several could be meant.
    """
    there = list(names)
    absent = [name for name in given.values() if name not in there]
    if absent:
        raise StudyError(f"{file} has no column {absent[0]!r}. Its columns are {', '.join(there)}.")
    found = {ours: theirs for ours, theirs in given.items() if theirs}
    for ours in wanted:
        if ours not in found:
            found[ours] = _one(ours, [name for name in there if name not in found.values()], file=file, there=there)
    return found


EFFORT = re.compile(r"(?:^|_)(?:duration|seconds|ms|place|excluded|because|kind|role|lead|submit|accept)(?:_|$)")
ABOUT = re.compile(
    r"(?:^|_)(?:remarks?|comments?|notes?|link|url|date|time|timestamp|source|split|created|updated|gold)(?:_|$)"
)


def has(ours: str, names: Iterable[str], given: Mapping[str, str]) -> bool:
    """Whether a column for one of ours is given or has a usual name."""
    plain = {_plain(name) for name in names}
    return ours in given or bool(plain & {ours, *(name for usual in USUAL[ours] for name in usual)})


def telling_apart(names: Iterable[str], *, taken: Collection[str]) -> list[str]:
    """The columns that may say what else two answers about the same pair were about: neither a time nor a remark."""
    return [name for name in names if name not in taken and not is_about(name) and not EFFORT.search(_plain(name))]


def is_about(name: str) -> bool:
    """Whether a column is named like something that is said about an item and is no rater."""
    return ABOUT.search(_plain(name)) is not None


def text_of(names: Iterable[str]) -> str | None:
    """The column of the texts, if one has a usual name."""
    plain = {_plain(name): name for name in names}
    return next((plain[name] for name in TEXTS if name in plain), None)


def _one(ours: str, names: list[str], *, file: str, there: list[str]) -> str:
    if ours in names:
        return ours
    for usual in ((ours,), *USUAL[ours]):
        meant = [name for name in names if _plain(name) in usual]
        if len(meant) > 1:
            raise StudyError(
                f"{file} has several columns that could say {SAYS[ours]}: {', '.join(meant)}. Name the right one {ours}."
            )
        if meant:
            return meant[0]
    advice = " If all answers are one person's, say whose with --rater NAME." if ours == "rater_id" else ""
    raise StudyError(
        f"{file} has no column {ours!r} or another that says {SAYS[ours]}. Its columns are {', '.join(there)}.{advice}"
    )


def _plain(name: str) -> str:
    """A name in lower case with single underscores: `itemId`, `Item ID` and `item-id` are one name."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.casefold()).strip("_")
