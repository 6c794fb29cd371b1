"""The classes of two arms: F1 per class with the gap's interval, and the confusion of labels side by side."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.analysis.arms import differences
from core.analysis.arms.trained import TrainedArm
from core.analysis.inference import comparisons, gaps
from core.analysis.inference.gaps import Floats, Gap, Scored
from core.errors import StudyError
from core.wording import percent

CLASS_COLUMNS = [
    "label", "score_base", "score_arm", "lost", "low", "high", "p", "p_adjusted", "n_class", "n_seeds", "note",
]  # fmt: skip
CELL_COLUMNS = ["label", "predicted", "share_base", "share_arm", "more", "low", "high", "n_class"]


@dataclass(frozen=True)
class Confusion:
    """How an arm's runs answer test texts: `counts` (classes x classes), rows are test labels, columns predicted labels.

    Counts are means over the seeds, so that a row sums to the number of test texts of its label. Answers outside the labels
    of the task cannot occur.
    """

    arm: str
    labels: tuple[str, ...]
    counts: Floats
    n_seeds: int

    @property
    def shares(self) -> Floats:
        """The counts as shares of their row, in [0, 1]; nan in the row of a label without test texts."""
        sizes = self.counts.sum(axis=1, keepdims=True)
        shares = np.divide(self.counts, sizes, out=np.full(self.counts.shape, math.nan), where=sizes > 0)
        return np.asarray(shares, dtype=float)


@dataclass(frozen=True)
class Classes:
    """The classes of two arms side by side.

    `by_class`: `CLASS_COLUMNS`, a row per label of the task in its order. `cells`: `CELL_COLUMNS`, the largest change first.
    `withheld`: why their differences mean nothing, or "".
    """

    base: Confusion
    arm: Confusion
    by_class: pd.DataFrame
    cells: pd.DataFrame
    withheld: str


def of_pair(base: TrainedArm, arm: TrainedArm, labels: Mapping[int, str]) -> Classes:
    """The classes of two arms. `labels`: label id -> name.

    Raises `StudyError` if the arms were tested on other texts.
    """
    if not base.is_tested_like(arm):
        raise StudyError(f"{base.arm} and {arm.arm} were tested on other texts, so their classes cannot be compared.")
    return Classes(
        confusion(base, labels), confusion(arm, labels), by_class(base, arm, labels), cells(base, arm, labels),
        differences.why_withheld(base, arm),
    )  # fmt: skip


def by_class(base: TrainedArm, arm: TrainedArm, labels: Mapping[int, str]) -> pd.DataFrame:
    """F1 per class of two arms and what `arm` loses against `base`: a row per label of the task, in its order, `CLASS_COLUMNS`.

    `labels`: label id -> name. `low`, `high`: 95 %, over new test texts and new trainings; the arms' own seeds only, since classes of
    different sizes spread differently. `p_adjusted`: after Holm over the
    classes. `n_class`: test texts of the label; a label without any has nan throughout and a note.
    """
    rows = [_class_row(base, arm, own, name) for own, name in labels.items()]
    table = pd.DataFrame(rows, columns=[name for name in CLASS_COLUMNS if name != "p_adjusted"])
    return table.assign(p_adjusted=comparisons.adjusted(list(table["p"])))[CLASS_COLUMNS]


def confusion(arm: TrainedArm, labels: Mapping[int, str]) -> Confusion:
    """The confusion of labels of an arm's runs, over all its seeds. `labels`: label id -> name."""
    place = {own: at for at, own in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)))
    rows, columns = (np.vectorize(place.__getitem__)(codes) for codes in (arm.truth, arm.predicted))
    np.add.at(counts, (np.broadcast_to(rows, columns.shape), columns), 1 / len(arm.seeds))
    return Confusion(arm.arm, tuple(labels.values()), counts, len(arm.seeds))


def cells(base: TrainedArm, arm: TrainedArm, labels: Mapping[int, str]) -> pd.DataFrame:
    """Every cell of two confusions beside one another: `CELL_COLUMNS`, the largest change first.

    `share_base`, `share_arm`: share of the label's test texts that the arms answer so. `more`: share of the arm minus share of
    the base, with a 95 % interval over new texts of the label and new trainings. Labels without test texts have no row.
    """
    rows = []
    for own, name in labels.items():
        of_class = base.truth == own
        for answer, predicted in labels.items() if of_class.any() else ():
            parts = [_share(one.predicted[:, of_class] == answer) for one in (arm, base)]
            gap = gaps.gap(*parts)
            of_arm, of_base = (float(part.scores.mean()) for part in parts)
            rows.append((name, predicted, of_base, of_arm, gap.value, gap.low, gap.high, int(of_class.sum())))
    table = pd.DataFrame(rows, columns=CELL_COLUMNS)
    return table.sort_values("more", key=abs, ascending=False, kind="stable", ignore_index=True)


def class_sentence(found: Classes) -> str:
    """The label that loses most F1, and how many labels show a loss or a gain after Holm."""
    arm, base, known = found.arm.arm, found.base.arm, found.by_class.dropna(subset=["lost"])
    if found.withheld or known.empty:
        return f"{arm} against {base}: {found.withheld or 'No label has test texts.'}"
    worst = known.iloc[int(known["lost"].to_numpy().argmax())]
    limits = f" [{worst['low']:.2f}, {worst['high']:.2f}]" if math.isfinite(worst["low"]) else ", without an interval"
    sure = known[known["p_adjusted"] < 0.05]
    lost, gained = int((sure["lost"] > 0).sum()), int((sure["lost"] < 0).sum())
    shown = f" A loss is shown for {lost} and a gain for {gained} of {len(known)} labels (Holm, 5 %)."
    return (
        f"{arm} against {base}: {'largest loss' if worst['lost'] > 0 else 'smallest gain'} of F1 on {worst['label']!r}, "
        f"{worst['lost']:+.2f}{limits}, {worst['n_class']} test texts.{shown if known['p'].notna().any() else ''}"
    )


def cell_sentence(found: Classes) -> str:
    """The wrong answer that the arm gives more often than the base by the largest share."""
    arm, base, table = found.arm.arm, found.base.arm, found.cells
    wrong = table[(table["label"] != table["predicted"]) & (table["more"] > 0)]
    if wrong.empty:
        return f"{arm} mistakes no label for another more often than {base}."
    worst = wrong.iloc[0]
    limits = (
        f" [{100 * worst['low']:+.0f}, {100 * worst['high']:+.0f}]"
        if math.isfinite(worst["low"])
        else ", without an interval"
    )
    return (
        f"{arm} calls {percent(worst['share_arm'])} of the {worst['n_class']} texts of {worst['label']!r} {worst['predicted']!r}, {base} "
        f"{percent(worst['share_base'])}: {100 * worst['more']:+.0f} points{limits}."
    )


def _class_row(base: TrainedArm, arm: TrainedArm, own: int, name: str) -> tuple[object, ...]:
    n_class, n_seeds, nan = int((base.truth == own).sum()), min(len(base.seeds), len(arm.seeds)), math.nan
    if not n_class:
        return name, nan, nan, nan, nan, nan, nan, 0, n_seeds, "No test text has this label, so its F1 is undefined."
    both = [gaps.class_f1(one.truth, one.predicted, own=own) for one in (base, arm)]
    gap = gaps.gap(*both)
    of_base, of_arm = (float(one.scores.mean()) for one in both)
    withheld = differences.why_withheld(base, arm)
    p = nan if withheld else comparisons.difference_p(gap)
    return name, of_base, of_arm, gap.value, gap.low, gap.high, p, n_class, n_seeds, _note(gap, n_class, withheld)


def _note(gap: Gap, n_class: int, withheld: str) -> str:
    few = f"Only {n_class} test texts of this label." if n_class < gaps.FEWEST_OF_A_CLASS else ""
    return " ".join(sentence for sentence in (withheld or gap.note, few) if sentence)


def _share(is_so: "np.typing.NDArray[np.bool_]") -> Scored:
    """The share of texts for which something is so, for every seed. `is_so`: seeds x texts."""
    hits = is_so.astype(float)
    return Scored(hits.mean(axis=1), hits - hits.mean(axis=1, keepdims=True))
