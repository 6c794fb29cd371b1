"""Share a study: where its pack and its export are kept, and the jobs that write them."""

import json
import re
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from core import files
from core import settings as settings_module
from core.analysis.points import Metric
from core.errors import StudyError
from core.jobs import queue
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Job, Study
from core.subjectivity.levels import Measure

LONGEST = 50  # letters of a name, of up to four bytes each: a file system takes 255 bytes
MARK = ".litmus-study.json"  # in a folder of exports: whose folder it is


def folder(settings: settings_module.Settings, study: Study) -> Path:
    """The folder of a study within the exports, found by its mark: a study that gets another name keeps its folder.

    Without a marked folder: a name that no file or folder has. The characters of its name cannot lead out of the exports.
    """
    found = [path for path in settings.exports.glob("*/") if _mark_in(path) == _mark(study)]
    if found:
        return max(found, key=lambda path: (path / MARK).stat().st_mtime)
    name = f"{plain_name(study)}-{study.id}"
    used = {path.name for path in settings.exports.glob("*")}
    numbered = (f"{name}-{number}" for number in range(2, len(used) + 3))
    return settings.exports / next(free for free in (name, *numbered) if free not in used)


def marked_folder(settings: settings_module.Settings, study: Study) -> Path:
    """The folder of a study within the exports, made and marked as its own if there is none yet.

    Raises `StudyError` if the folder cannot be written.
    """
    path = folder(settings, study)
    try:
        if _mark_in(path) is None:
            files.replace(path / MARK, json.dumps(_mark(study)).encode())
    except OSError as error:
        raise StudyError(
            f"The folder {path} cannot be written: {error.strerror}. Make room or mend its rights."
        ) from error
    return path


def plain_name(study: Study) -> str:
    """The name of a study for files: its first characters, without those that a file system or an address may not take."""
    return re.sub(r"[^\w.-]+", "-", study.name)[:LONGEST].strip(".-") or "study"


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
    marked_folder(settings, study)
    command = ["-m", "core", "report", str(pack_folder(settings, study)), "--study", study.name, "--metric", metric]
    command += ["--measure", measure] if measure else []
    return queue.enqueue(
        session, title=f"Paper pack of {study.name}", command=command, key=Work.PACK.key(study.id), slot=Slot.API, study_id=study.id
    )  # fmt: skip


def queue_export(session: Session, settings: settings_module.Settings, *, study: Study) -> Job:
    """Queue the export of a whole study as a zip of JSON lines; a study has one such job at a time."""
    marked_folder(settings, study)
    command = ["-m", "core", "export", str(export_file(settings, study)), "--study", study.name]
    return queue.enqueue(
        session, title=f"Export of {study.name}", command=command, key=Work.EXPORT.key(study.id), slot=Slot.API, study_id=study.id
    )  # fmt: skip


def _mark(study: Study) -> dict[str, Any]:
    """What tells a study from every other: ids begin anew in a new database, and may be given again after a deletion."""
    return {"study": study.id, "created_at": study.created_at}


def _mark_in(path: Path) -> Any:
    """The mark of a folder; None without a mark that can be read."""
    try:
        return json.loads((path / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
