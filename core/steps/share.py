"""Share a study: where its pack and its export are kept, and the jobs that write them."""

import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sqlalchemy.orm import Session

from core import settings as settings_module
from core.analysis.points import Metric
from core.jobs import queue
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Job, Study
from core.subjectivity.levels import Measure

LONGEST = 50  # letters of a name, of up to four bytes each: a file system takes 255 bytes


def folder(settings: settings_module.Settings, study: Study) -> Path:
    """The folder of a study within the exports, found by the id of the study: a study that gets another name keeps its folder.

    No other study has the same folder. The characters of its name cannot lead out of the exports.
    """
    found = _folders(settings, study.id)
    return found[-1] if found else settings.exports / f"{plain_name(study)}-{study.id}"


def plain_name(study: Study) -> str:
    """The name of a study for files: its first characters, without those that a file system or an address may not take."""
    return re.sub(r"[^\w.-]+", "-", study.name)[:LONGEST].strip(".-") or "study"


def let_go(settings: settings_module.Settings, study_ids: Iterable[int]) -> None:
    """Rename the folders of studies that were deleted for good: a database may give the id of a deleted study to a new one."""
    for found in [path for id in study_ids for path in _folders(settings, id)]:
        with suppress(OSError):
            found.rename(found.with_name(f"{found.name}-deleted-{secrets.token_hex(4)}"))


def _folders(settings: settings_module.Settings, study_id: int) -> list[Path]:
    """The folders in the exports that end in the id of a study, the one that was changed last at the end."""
    found = [path for path in settings.exports.glob(f"*-{study_id}") if path.is_dir()]
    return sorted(found, key=lambda path: path.stat().st_mtime)


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
