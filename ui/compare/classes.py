"""Classes compared: F1 per label with intervals, and the confusion of two arms side by side."""

import streamlit as st

from core.analysis.arms import classes
from core.analysis.arms.compared import Compared
from core.analysis.figures import arm_charts, unconverged
from ui.compare.cells import compact
from ui.shared import charts
from ui.shared.tables import table
from ui.shared.words import WHAT_AN_ARM_IS, plain


def classes_view(found: Compared) -> None:
    """Draw F1 per label of a chosen arm against the arm it is compared with, and how both mistake labels for one another."""
    names = [arm.arm for arm in found.chosen.arms]
    if len(names) < 2:
        st.info("Classes are compared between two arms with finished runs.")
        return
    base = found.asked.base or names[0]
    others = [name for name in names if name != base]
    arm = str(st.selectbox("Arm", others, key=f"compare.arm.{base}.{'.'.join(names)}", width=260, help=WHAT_AN_ARM_IS))
    by_name = {one.arm: one for one in found.chosen.arms}
    pair = classes.of_pair(by_name[base], by_name[arm], found.labels)
    cut = {one for one in (base, arm) if by_name[one].unconverged}
    charts.plot(
        arm_charts.class_f1(pair.by_class, base=base, arm=arm, is_cut=bool(cut)),
        key="compare.classes",
        filename=f"{found.chosen.task}-{arm}-classes",
        data=pair.by_class,
        reading=f"{classes.class_sentence(pair)} {unconverged.sentence_of_arms(cut)}".strip(),
    )
    table(compact(pair.by_class), key="compare.classes.table")
    st.header("Which labels are mistaken for which", anchor=False)
    charts.confusions(pair.base, pair.arm, key="compare.confusion")
    st.caption(plain(classes.cell_sentence(pair)))
    st.caption("Rows are test labels: shares of their test texts, below them texts in the mean over seeds.")
    table(pair.cells, key="compare.cells")
