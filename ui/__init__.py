"""Everything that pages import from ui: the guard, the store, pickers, panels, tables, charts and words."""

import gc

gc.disable()  # a fifth of the time of these imports, to collect nothing

from ui.analyse.gaps import gaps_view
from ui.analyse.texts import texts_view
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
from ui.campaigns.live import live_view, watch_answers
from ui.campaigns.llm import llm_view
from ui.campaigns.raters import raters_view
from ui.campaigns.results import results_view
from ui.compare.arms import arms_view
from ui.compare.baselines import baselines_view
from ui.compare.choices import compare_command, pick_comparison, without_comparison
from ui.compare.classes import classes_view
from ui.compare.costs import costs_view
from ui.compare.reads import arms_of, compared_arms
from ui.compare.sizes import sizes_view
from ui.compare.stability import stability_view
from ui.data.done import forget_import, import_view, keep_import
from ui.data.imports import begin_file, pick_columns, pick_target, review_import
from ui.data.tasks import open_task_card, task_card
from ui.data.trash import trash_panel, undo_panel
from ui.frame.frame import choose_study, draw_frame, guard
from ui.frame.runs import logged_run
from ui.frame.way import title
from ui.help.documents import help_view
from ui.inspect.fidelity import labels_view
from ui.inspect.quality import leakage_view, map_view, quality_view
from ui.inspect.samples import samples_view
from ui.overview.doors import welcome
from ui.overview.studies import hidden_panel, studies_panel
from ui.overview.verdicts import verdict_cards
from ui.planning.answer import plan_answer
from ui.planning.card import shown_by_ratings, shown_by_runs
from ui.planning.form import plan_form
from ui.present.slides import present
from ui.report.pack import beside_words, pack_view
from ui.report.study_files import export_panel, study_import_panel
from ui.report.view_links import view_links_panel
from ui.shared.arms import arm_menu
from ui.shared.charts import plot
from ui.shared.jobs import job_panel, pick_backend, watch_runs, without_runs, without_tasks
from ui.shared.links import link
from ui.shared.pickers import (
    pick_arm,
    pick_budget,
    pick_measure,
    pick_metric,
    pick_points,
    pick_several,
    pick_task,
    pick_view,
)
from ui.shared.reads import arm_table, ceilings_of, findings_of, scores_of, without_real_texts
from ui.shared.resources import may_change, settings, store
from ui.shared.runs import run_table, training_words
from ui.shared.tables import choose_row, table
from ui.shared.terminal import in_terminal
from ui.shared.uploads import table_to_import
from ui.shared.words import (
    WHAT_AN_ARM_IS,
    cautions,
    keep_refusal,
    plain,
    sample_badge,
    set_notice,
    set_queued_notice,
    show_errors,
    show_notice,
)
from ui.synthesis.connection import pick_connection
from ui.synthesis.drafts import compare_versions, draft_status, edit, forget_start, pick_start, preview, start_menu
from ui.synthesis.generation import arm_panel, estimate_panel, is_generating, prices_of
from ui.synthesis.tries import call_cost, try_panel
from ui.train.curve import curve_panel
from ui.train.form import pick_training
from ui.train.grid import forecast_words, grid_view
from ui.train.kept import models_words
from ui.train.run import run_detail
from ui.train.steps_check import WHAT_THE_CHECK_DOES, steps_check_view
from ui.trust.calibration import calibration_view
from ui.trust.checks import trust_list
from ui.trust.frozen import frozen_panel
from ui.trust.real_test_texts import test_texts_view
from ui.unsaved.fields import forget as forget_typed

gc.freeze()  # what is imported stays
gc.enable()

__all__ = [
    "WHAT_AGREEMENT_SAYS",
    "WHAT_AN_ARM_IS",
    "WHAT_THE_CHECK_DOES",
    "arm_menu",
    "arm_panel",
    "arm_table",
    "baselines_view",
    "begin_file",
    "beside_words",
    "arms_of",
    "arms_view",
    "calibration_view",
    "call_cost",
    "campaign_head",
    "campaign_rows",
    "campaigns_of",
    "cautions",
    "ceilings_of",
    "choose_row",
    "choose_study",
    "chosen_campaign",
    "classes_view",
    "compare_versions",
    "compare_command",
    "compared_arms",
    "costs_view",
    "curve_panel",
    "draft_status",
    "draw_frame",
    "edit",
    "estimate_panel",
    "export_panel",
    "export_view",
    "findings_of",
    "forecast_words",
    "forget_import",
    "forget_start",
    "forget_typed",
    "gaps_view",
    "frozen_panel",
    "grid_view",
    "guard",
    "import_panel",
    "help_view",
    "hidden_panel",
    "import_view",
    "in_terminal",
    "is_generating",
    "job_panel",
    "keep_import",
    "keep_refusal",
    "labels_view",
    "leakage_view",
    "link",
    "link_view",
    "live_view",
    "llm_view",
    "map_view",
    "logged_run",
    "may_change",
    "models_words",
    "new_campaign",
    "pack_view",
    "open_task_card",
    "pick_arm",
    "pick_backend",
    "pick_budget",
    "pick_columns",
    "pick_comparison",
    "pick_connection",
    "pick_measure",
    "pick_metric",
    "pick_points",
    "pick_several",
    "pick_start",
    "pick_target",
    "pick_task",
    "pick_view",
    "pick_training",
    "plain",
    "plan_answer",
    "plan_form",
    "plot",
    "present",
    "preview",
    "prices_of",
    "quality_view",
    "raters_view",
    "results_view",
    "review_import",
    "run_detail",
    "run_table",
    "sample_badge",
    "samples_view",
    "scores_of",
    "set_notice",
    "set_queued_notice",
    "settings",
    "show_errors",
    "show_notice",
    "sizes_view",
    "stability_view",
    "shown_by_ratings",
    "shown_by_runs",
    "start_menu",
    "steps_check_view",
    "store",
    "study_import_panel",
    "studies_panel",
    "table",
    "table_to_import",
    "task_card",
    "texts_view",
    "test_texts_view",
    "title",
    "training_words",
    "trash_panel",
    "trust_list",
    "try_panel",
    "undo_panel",
    "view_links_panel",
    "verdict_cards",
    "watch_answers",
    "watch_runs",
    "welcome",
    "without_comparison",
    "without_real_texts",
    "without_runs",
    "without_tasks",
]
