"""The numbers that a plan rests on, each with its origin: the study's own runs, an assumption, or given by the reader."""

import dataclasses
import math
from dataclasses import dataclass
from enum import StrEnum

from core.analysis.inference import power
from core.analysis.inference.power import Noise
from core.errors import StudyError

RATING_VARIANCE = 7.2  # simulated: 8 to 24 tasks, 20 to 200 comparisons a task, ten a rater with a view of their own


class Origin(StrEnum):
    """Where a number of a plan comes from."""

    STUDY = "study"
    ASSUMED = "assumption"
    GIVEN = "given"


@dataclass(frozen=True)
class Number:
    """A number with its origin. `value` is None if it is not known; `words` say what it was computed from, or why it is assumed."""

    value: float | None
    origin: Origin
    words: str


def _assumed(value: float | None, words: str) -> Number:
    return Number(value, Origin.ASSUMED, words)


@dataclass(frozen=True)
class Inputs:
    """What the power and the effort of a study depend on. Scores, gaps and slopes are in score units (0.05 is 5 points).

    `seed_sd`, `text_variance`, `answer_variance`, `spread_df`: as in `power.Noise`. `tau`: standard deviation over tasks of the gap
    beyond subjectivity (in a mean over tasks: of the difference). `rating_variance`: variance of a task's measured subjectivity
    from a single answer, in squared standard deviations of subjectivity over tasks; `tasks_per_answer`: 2 for a comparison of two
    tasks, else 1. From the rest the effort is computed: `seconds_per_run`, `usd_per_text` (per kept text), `train_size` (texts per
    arm), `seconds_per_answer` (labelling a text or answering a question), `texts_there` (labelled test texts that a task has),
    `tasks_there`, `ratings_there` (answers about a task's subjectivity). `person_usd`, `machine_usd`: US dollars an hour, by which
    designs are compared.
    """

    seed_sd: Number = _assumed(power.SEED_SD, "usual for a fine-tuned encoder")
    text_variance: Number = _assumed(
        power.TEXT_VARIANCE, "usual for a subjective task; an objective one has about 0.03"
    )
    answer_variance: Number = _assumed(0.0, "counted in the two numbers above")
    spread_df: Number = _assumed(0.0, "no other arms that lend their spread over seeds")
    tau: Number = _assumed(power.TAU, "usual size; unknown for new LLMs")
    rating_variance: Number = _assumed(
        RATING_VARIANCE,
        "simulated comparisons of tasks whose strengths spread by 1 on the natural-log scale",
    )
    tasks_per_answer: Number = _assumed(2.0, "a comparison is about two tasks")
    seconds_per_run: Number = _assumed(150.0, "MiniLM, 200 steps of 32 texts, two processor cores")
    usd_per_text: Number = _assumed(None, "no generated text with a known price")
    train_size: Number = _assumed(600.0, "training texts of each arm")
    seconds_per_answer: Number = _assumed(15.0, "a short text or a comparison of two tasks")
    texts_there: Number = _assumed(0.0, "no task has test texts yet")
    tasks_there: Number = _assumed(0.0, "no task yet")
    ratings_there: Number = _assumed(0.0, "no answers about subjectivity yet")
    person_usd: Number = _assumed(15.0, "an hour of a rater")
    machine_usd: Number = _assumed(0.5, "an hour of training")

    @property
    def noise(self) -> Noise:
        """What makes a gap uncertain."""
        return Noise(
            self.number("seed_sd"),
            self.number("text_variance"),
            self.number("answer_variance"),
            self.number("spread_df"),
        )

    @property
    def is_assumed(self) -> bool:
        """Whether the spread over seeds and texts is an assumption, so that every power is one too."""
        return self.text_variance.origin is Origin.ASSUMED

    def number(self, name: str) -> float:
        """The value of a field; nan if it is not known."""
        value = getattr(self, name).value
        return math.nan if value is None else float(value)

    def given(self, **values: float | None) -> "Inputs":
        """These inputs with the values that a reader gave; None leaves a number as it is.

        Raises `StudyError` for a value that is negative or not finite.
        """
        known = {name: value for name, value in values.items() if value is not None}
        for name, value in known.items():
            if not (math.isfinite(value) and value >= 0):
                raise StudyError(f"{name.replace('_', ' ')} must be a number of 0 or more; it is {value:g}.")
        return dataclasses.replace(self, **{name: Number(value, Origin.GIVEN, "") for name, value in known.items()})
