"""Write the model of a finished run as a Hugging Face folder. Imported by worker processes only."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from safetensors import SafetensorError
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StorageError, StudyError
from core.study.rows.study import Arm, Label, Prediction, Run, Task
from core.study.store import Store
from core.training import runs
from core.training.fitting.run_data import RunData
from core.training.kept.folder import Keep, Models


@dataclass(frozen=True)
class Keeper:
    """Where models are kept, and what writes their model card: a function of a session, the id of a run, and a sentence
    about a training that was repeated, "" for the first one."""

    models: Models
    card: Callable[[Session, int, str], str]

    def keep(self, store: Store, data: RunData, model: Any, tokenizer: Any, *, repeated: str = "") -> None:
        """Write a run's model with its tokenizer and model card, whole or not at all, in place of an older one.

        With `Keep.BEST`, of the kept runs of the same arm, encoder and conditions only that with the highest macro-F1 stays.
        Raises `StorageError` if the folder cannot be written.
        """
        with store() as session:
            names = {
                label.id: label.name for label in session.scalars(select(Label).where(Label.id.in_(data.label_ids)))
            }
            text = self.card(session, data.run.id, repeated)
        labels = [names[label_id] for label_id in data.label_ids]
        model.config.id2label = dict(enumerate(labels))
        model.config.label2id = {name: place for place, name in enumerate(labels)}
        tokenizer.model_max_length = data.settings.max_length
        final = self.models.of(data.run.id)
        folder = self.models.path / f".{final.name}.new"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            (folder / "README.md").write_text(text, encoding="utf-8")
            self.models.mark(folder, data.run.fingerprint)
            shutil.rmtree(final, ignore_errors=True)
            folder.rename(final)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StorageError(
                f"The model of {data.title} could not be kept: {str(error).rstrip('.')}. Its scores are stored; free some disk "
                f"space, then write: models keep {data.run.id}."
            ) from error
        if data.run.config.get("keep") == Keep.BEST and not repeated:
            self._leave_the_best(store, data.run.id)

    def _leave_the_best(self, store: Store, run_id: int) -> None:
        """Remove the models of all runs but the best of the group of a run, as far as they were kept as candidates for it."""
        with store() as session:
            run = session.get_one(Run, run_id)
            group = select(Run).where(Run.arm_id == run.arm_id, Run.encoder == run.encoder)
            rivals = [
                other.id
                for other in session.scalars(group)
                if other.config.get("keep") == Keep.BEST and self.models.find(other.id, other.fingerprint)
            ]
            task = session.get_one(Task, session.get_one(Arm, run.arm_id).task_id)
            best = runs.best(session, task.study_id, rivals)
        for rival in set(rivals) - set(best):
            with suppress(StudyError):  # a job of other seeds of the arm may have removed it a moment before
                self.models.remove(rival)


def same_answers(session: Session, run_id: int, answers: dict[int, int]) -> tuple[int, int]:
    """Of how many test texts the stored answer of a run equals its answer in `answers` (sample id -> label id), and of how many."""
    stored = session.execute(select(Prediction.sample_id, Prediction.label_id).where(Prediction.run_id == run_id)).all()
    return sum(answers.get(sample_id) == label_id for sample_id, label_id in stored), len(stored)
