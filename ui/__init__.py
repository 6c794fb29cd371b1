"""What pages share: the store, the guard, cached reads, pickers, the job panel, and how charts are shown."""

from ui.campaigns.export import export_view
from ui.campaigns.files import import_panel
from ui.campaigns.form import new_campaign
from ui.campaigns.link import link_view
from ui.campaigns.list import (
    KIND_NAMES,
    WHAT_AGREEMENT_SAYS,
    campaign_head,
    campaign_rows,
    campaigns_of,
    chosen_campaign,
)
from ui.campaigns.live import live_view
from ui.campaigns.llm import llm_view
from ui.campaigns.raters import raters_view
from ui.campaigns.results import results_view
from ui.data.imports import decide, pick_columns, pick_target
from ui.data.tasks import task_card
from ui.data.trash import refused, study_panel, undo_panel
from ui.frame.frame import framed, guard, take_in_hand
from ui.inspect.fidelity import labels_view
from ui.inspect.quality import leakage_view, map_view, quality_view
from ui.inspect.samples import samples_view
from ui.shared.charts import plot
from ui.shared.jobs import job_panel, watch_runs
from ui.shared.links import link
from ui.shared.pickers import pick_arm, pick_measure, pick_metric, pick_task
from ui.shared.reads import arm_table, findings_of
from ui.shared.resources import settings, store
from ui.shared.runs import run_detail, training_words
from ui.shared.uploads import table_to_import, uploaded_table
from ui.shared.words import (
    cautions,
    choose_row,
    done,
    plain,
    problem,
    queued,
    sample_badge,
    table,
    title,
    told,
    two_lines,
)
from ui.synthesis.connection import pick_connection
from ui.synthesis.drafts import compare_versions, edit, forget_start, pick_start, preview, standing, start_menu
from ui.synthesis.generation import arm_live, estimate_panel, is_filling, prices_of
from ui.synthesis.tries import cost_of_a_call, try_panel

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
