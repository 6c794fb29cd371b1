"""Share a study: where its pack and its export are kept, and the jobs that write them."""

import re
from pathlib import Path

from sqlalchemy.orm import Session

from core import settings as settings_module
from core.analysis.points import Metric
from core.jobs import queue
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Job, Study
from core.subjectivity.levels import Measure


def folder(settings: settings_module.Settings, study: Study) -> Path:
    """The folder of a study within the exports, without characters that could lead out of it; no other study has the same one."""
    clean = re.sub(r"[^\w.-]+", "-", study.name).strip(".-") or "study"
    is_its_own = clean == study.name and not re.search(r"-\d+$", clean)
    return settings.exports / (clean if is_its_own else f"{clean}-{study.id}")


def pack_folder(settings: settings_module.Settings, study: Study) -> Path:
    """The folder of a study's paper pack."""
    return folder(settings, study) / "pack"


def export_file(settings: settings_module.Settings, study: Study) -> Path:
    """The zip of a whole study."""
    return folder(settings, study) / "study.zip"


def queue_pack(
    session: Session, settings: settings_module.Settings, *, study: Study, metric: Metric, measure: Measure | None
) -> Job:
    """Queue the writing of a study's paper pack; a study has one such job at a time."""
    command = ["-m", "core", "report", str(pack_folder(settings, study)), "--study", study.name, "--metric", metric]
    command += ["--measure", measure] if measure else []
    return queue.enqueue(
        session, title=f"Paper pack of {study.name}", command=command, key=Work.PACK.key(study.id), slot=Slot.API, study_id=study.id
    )  # fmt: skip


def queue_export(session: Session, settings: settings_module.Settings, *, study: Study) -> Job:
    """Queue the export of a whole study as a zip of JSON lines; a study has one such job at a time."""
    command = ["-m", "core", "export", str(export_file(settings, study)), "--study", study.name]
    return queue.enqueue(
        session, title=f"Export of {study.name}", command=command, key=Work.EXPORT.key(study.id), slot=Slot.API, study_id=study.id
    )  # fmt: skip
