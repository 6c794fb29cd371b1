"""Everything that pages import from ui: the guard, the store, pickers, panels, tables, charts and words."""

from ui.campaigns.export import export_view
from ui.campaigns.files import import_panel
from ui.campaigns.form import new_campaign
from ui.campaigns.link import link_view
from ui.campaigns.list import (
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
from ui.data.imports import pick_columns, pick_target, review_import
from ui.data.tasks import task_card
from ui.data.trash import show_refusal, trash_panel, undo_panel
from ui.frame.frame import choose_study, draw_frame, guard
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
from ui.shared.tables import choose_row, table
from ui.shared.uploads import table_to_import
from ui.shared.words import (
    cautions,
    plain,
    sample_badge,
    set_notice,
    set_queued_notice,
    show_errors,
    show_notice,
    title,
)
from ui.synthesis.connection import pick_connection
from ui.synthesis.drafts import compare_versions, draft_status, edit, forget_start, pick_start, preview, start_menu
from ui.synthesis.generation import arm_panel, estimate_panel, is_generating, prices_of
from ui.synthesis.tries import call_cost, try_panel
from ui.trust.calibration import calibration_view
from ui.trust.checks import trust_list
from ui.trust.frozen import frozen_panel
from ui.trust.real_test_texts import test_texts_view

__all__ = [
    "WHAT_AGREEMENT_SAYS",
    "arm_panel",
    "arm_table",
    "calibration_view",
    "call_cost",
    "campaign_head",
    "campaign_rows",
    "campaigns_of",
    "cautions",
    "choose_row",
    "choose_study",
    "chosen_campaign",
    "compare_versions",
    "draft_status",
    "draw_frame",
    "edit",
    "estimate_panel",
    "export_view",
    "findings_of",
    "forget_start",
    "frozen_panel",
    "guard",
    "import_panel",
    "is_generating",
    "job_panel",
    "labels_view",
    "leakage_view",
    "link",
    "link_view",
    "live_view",
    "llm_view",
    "map_view",
    "new_campaign",
    "pick_arm",
    "pick_columns",
    "pick_connection",
    "pick_measure",
    "pick_metric",
    "pick_start",
    "pick_target",
    "pick_task",
    "plain",
    "plot",
    "preview",
    "prices_of",
    "quality_view",
    "raters_view",
    "results_view",
    "review_import",
    "run_detail",
    "sample_badge",
    "samples_view",
    "set_notice",
    "set_queued_notice",
    "settings",
    "show_errors",
    "show_notice",
    "show_refusal",
    "start_menu",
    "store",
    "table",
    "table_to_import",
    "task_card",
    "test_texts_view",
    "title",
    "training_words",
    "trash_panel",
    "trust_list",
    "try_panel",
    "undo_panel",
    "watch_runs",
]
