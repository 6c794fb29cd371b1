"""The evidence of single texts in words."""

from core.analysis.inference.on_agreement import LEAST_TEXTS
from core.analysis.instances.evidence import PER_END, Evidence
from core.analysis.instances.soft_labels import SMALLEST_SHARE, SoftScores
from core.analysis.thresholds import FEWEST_SAMPLES
from core.interval import Interval
from core.wording import counted, percent_within

CURVES = (
    "Accuracy on the test texts whose raters agree at least as much as the horizontal axis says, with the labels weighted as at the "
    "lowest agreement, and 95 % Wilson intervals. The dashed line is one rater against the majority of the others, which is 1 where "
    "all agree: where an arm lies near it, what is left may be disagreement about labels. Agreements that fewer than "
    f"{FEWEST_SAMPLES} texts reach, or no text of some label, are not drawn."
)


def ceiling_words(found: Evidence) -> str:
    """The label ceiling and the doubted labels, each with its interval and n."""
    said = (
        f"Label ceiling: one rater agrees with the majority of the others on {found.ceiling.text()} of {found.ceiling.n} rated test "
        "texts. One more person would reach about that accuracy, so little should be made of differences above it."
    )
    share, tied = found.doubted.share, found.doubted.n_tied
    if share.n:
        differ = percent_within(share.value, share.low, share.high)
        said += f" {differ} of the labels differ from the majority of the raters ({share.n} texts)."
    if tied:
        said += f" {counted(tied, 'text')} without one majority label {'is' if tied == 1 else 'are'} left out of that share."
    if found.n_foreign:
        said += f" {found.n_foreign} ratings have a label that the task does not have; in soft-label scores they are left out."
    return said


def no_curve(found: Evidence) -> str:
    """Why no threshold curve is drawn."""
    if found.soft is None:
        return f"{counted(found.n_texts, 'text')} have two ratings or more, but no finished run predicted them."
    return (
        f"{counted(found.n_texts, 'text')} have two ratings or more; a curve needs {FEWEST_SAMPLES} with a text of every label, and the "
        f"evidence over agreement {LEAST_TEXTS}."
    )


def soft_words(soft: SoftScores) -> str:
    """How to read the soft-label scores, and how much further each synthetic arm is from the raters than the real arm."""
    said = (
        "Manhattan distance between the shares of the raters and the model, from 0 (the same) to 2; means over texts with 95 % intervals. "
        "The last row is what the labels of the texts themselves reach."
    )
    said += (
        f" The least possible cross-entropy is {soft.entropy:.2f}, the raters' own entropy; probabilities under {SMALLEST_SHARE:g} count "
        "as that."
        if soft.is_whole
        else " The models' probabilities of all labels are not stored for more than two labels, so distances are to the predicted label "
        "alone, and there is no cross-entropy."
    )
    further = [f"{arm}: {_further(value)}" for arm, value in soft.further.items()]
    return f"{said} Against the real arm, {'; '.join(further)}." if further else said


def ends_words(found: Evidence) -> str:
    """How the examples were chosen, and what stands in their columns."""
    agreed, _ = found.ends
    few = (
        ""
        if len(agreed) >= PER_END
        else f" Only {counted(len(agreed), 'text')} have two ratings or more, so both lists hold the same texts."
    )
    same = found.ends[0]["agreement"].max() == found.ends[1]["agreement"].min() if len(agreed) >= PER_END else False
    alike = " All these texts have the same agreement." if same else ""
    return (
        f"{PER_END} texts from each end, of equally agreed texts those with the most ratings, then the oldest; no text is picked by hand. "
        f"Ratings and answers are labels with their numbers of raters and runs.{few}{alike}"
    )


def _further(value: Interval) -> str:
    where = "further" if value.low > 0 else "nearer" if value.high < 0 else "not told apart"
    return f"{value.value:+.2f} {value.limits()}".rstrip() + f" ({where}, {value.n} texts)"
