"""What pages share: the store, the guard, cached reads, pickers, the job panel, and how charts are shown."""

from ui.campaign_export import export_view
from ui.campaign_form import new_campaign
from ui.campaign_import import import_panel
from ui.campaign_link import link_view
from ui.campaign_live import live_view
from ui.campaign_llm import llm_view
from ui.campaign_raters import raters_view
from ui.campaign_results import results_view
from ui.campaigns import (
    KIND_NAMES,
    WHAT_AGREEMENT_SAYS,
    campaign_head,
    campaign_rows,
    campaigns_of,
    chosen_campaign,
)
from ui.charts import plot
from ui.connection import pick_connection
from ui.drafts import compare_versions, edit, forget_start, pick_start, preview, standing, start_menu
from ui.fidelity import labels_view
from ui.frame import framed, guard, take_in_hand
from ui.generation import arm_live, estimate_panel, is_filling, prices_of
from ui.imports import decide, pick_columns, pick_target
from ui.jobs import job_panel, watch_runs
from ui.links import link
from ui.pickers import pick_arm, pick_measure, pick_metric, pick_task
from ui.quality import leakage_view, map_view, quality_view
from ui.reads import arm_table, findings_of
from ui.resources import settings, store
from ui.runs import run_detail, training_words
from ui.samples import samples_view
from ui.tasks import task_card
from ui.trash import refused, study_panel, undo_panel
from ui.tries import cost_of_a_call, try_panel
from ui.uploads import table_to_import, uploaded_table
from ui.words import cautions, choose_row, done, plain, problem, queued, sample_badge, table, title, told, two_lines

__all__ = [
    "pick_connection",
    "compare_versions",
    "edit",
    "forget_start",
    "pick_start",
    "preview",
    "standing",
    "start_menu",
    "labels_view",
    "arm_live",
    "estimate_panel",
    "is_filling",
    "prices_of",
    "leakage_view",
    "map_view",
    "quality_view",
    "samples_view",
    "cost_of_a_call",
    "try_panel",
    "KIND_NAMES",
    "arm_table",
    "WHAT_AGREEMENT_SAYS",
    "campaign_head",
    "cautions",
    "campaign_rows",
    "campaigns_of",
    "chosen_campaign",
    "export_view",
    "import_panel",
    "link_view",
    "live_view",
    "llm_view",
    "new_campaign",
    "raters_view",
    "results_view",
    "done",
    "findings_of",
    "framed",
    "guard",
    "job_panel",
    "watch_runs",
    "link",
    "choose_row",
    "decide",
    "pick_columns",
    "pick_target",
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
    "training_words",
    "sample_badge",
    "settings",
    "store",
    "table",
    "task_card",
    "take_in_hand",
    "told",
    "two_lines",
    "table_to_import",
    "uploaded_table",
    "undo_panel",
    "study_panel",
    "refused",
]
