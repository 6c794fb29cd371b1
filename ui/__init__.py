"""What pages share: the store, the guard, cached reads, pickers, the job panel, and how charts are shown."""

from ui.campaigns import KIND_NAMES, campaign_card
from ui.charts import plot
from ui.frame import framed, guard, take_in_hand
from ui.jobs import job_panel
from ui.links import link
from ui.pickers import pick_arm, pick_measure, pick_metric, pick_task
from ui.reads import arm_table, findings_of
from ui.resources import settings, store
from ui.runs import run_detail
from ui.uploads import uploaded_table
from ui.words import choose_row, done, plain, problem, queued, sample_badge, table, title, told, two_lines

__all__ = [
    "KIND_NAMES",
    "arm_table",
    "campaign_card",
    "done",
    "findings_of",
    "framed",
    "guard",
    "job_panel",
    "link",
    "choose_row",
    "pick_arm",
    "pick_measure",
    "pick_metric",
    "pick_task",
    "plain",
    "plot",
    "problem",
    "queued",
    "run_detail",
    "title",
    "sample_badge",
    "settings",
    "store",
    "table",
    "take_in_hand",
    "told",
    "two_lines",
    "uploaded_table",
]
