"""The data card and the model card of a study."""

import pandas as pd
from sqlalchemy.orm import Session

from core.analysis.findings import Findings
from core.analysis.reports.pack.markup import markdown_table
from core.analysis.reports.pack.methods import Methods
from core.analysis.reports.pack.tables import PaperTable, described
from core.study import samples, tasks
from core.study.exchange.data_set import card
from core.study.rows.kinds import SampleStatus
from core.wording import markdown_text

SAMPLE = (
    "**Sample data**: texts written for this project and simulated raters. For learning the tool, not for conclusions."
)


def data_card(session: Session, found: Findings, tables: list[PaperTable]) -> str:
    """The data card: per task its question, labels, sources, licence notices and prompts; shares of labels; raters."""
    counted = samples.counts(session, found.study.id)
    kept = counted[counted["status"] == SampleStatus.KEPT]
    parts = [f"# Data card of {markdown_text(found.study.name)}", *([SAMPLE] if found.study.is_sample else [])]
    for task in tasks.tasks(session, found.study.id):
        arms = tasks.arms(session, task.id)
        configs = [
            card.Config(arm, arm.name, {str(split): int(n) for split, n in of_arm.groupby("split")["n"].sum().items()})
            for arm in arms
            if len(of_arm := kept[kept["arm_id"] == arm.id])
        ]
        parts += [
            card.body(session, task, configs),
            f"## Labels of {markdown_text(task.name)}",
            _shares(kept[kept["task"] == task.name]),
        ]
    raters = described(tables, "raters")
    parts += ["# Raters", markdown_table(raters) if raters else "Nobody rated texts or tasks in this study."]
    return "\n\n".join(part for part in parts if part) + "\n"


def model_card(found: Findings, methods: Methods, tables: list[PaperTable]) -> str:
    """The model card: what was trained, how, for what use, with which scores and limits. It holds no weights."""
    encoders = ", ".join(sorted(set(found.scores["encoder"]))) or "none yet"
    scores = described(tables, "scores")
    parts = [
        f"# Model card of the classifiers in {markdown_text(found.study.name)}",
        *([SAMPLE] if found.study.is_sample else []),
        f"**Models:** {markdown_text(encoders)} with a classification head, one for each task, arm and seed. Litmus keeps predictions, and "
        "weights on request only; `study.yaml` trains the models again.",
        "**Intended use:** to measure how well training on synthetic texts does beside training on real ones. The classifiers are "
        "trained for few steps on few texts and are not meant to decide about people.",
        "**Training:** " + markdown_text(methods.training or "no run has finished yet."),
        markdown_table(scores) if scores else "No run has finished yet.",
        "**Limits:** scores are of the test split named in the data card. Labels of synthetic texts are those that the prompt asked "
        "for. A gap says nothing about another set of generated texts.",
    ]
    return "\n\n".join(parts) + "\n"


def _shares(kept: pd.DataFrame) -> str:
    """Numbers of kept texts by arm, split and label."""
    rows = [
        (str(arm), str(split), str(label), str(n))
        for arm, split, label, n in kept[["arm", "split", "label", "n"]].itertuples(index=False)
    ]
    return markdown_table(
        PaperTable("labels", "Kept texts by arm, split and label", ("Arm", "Split", "Label", "Texts"), tuple(rows), 3)
    )
