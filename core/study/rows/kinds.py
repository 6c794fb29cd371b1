"""The kinds and states that stored rows can have, as enums whose values are what the database holds."""

from enum import StrEnum


class ArmKind(StrEnum):
    REAL = "real"
    ZERO_SHOT = "zero-shot"
    FEW_SHOT = "few-shot"
    MIXED = "mixed"
    OTHER = "other"


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    POOL = "pool"


class SampleStatus(StrEnum):
    KEPT = "kept"
    REJECTED = "rejected"


class CampaignKind(StrEnum):
    """What raters do: label a text, say which of two tasks or of two texts is the more subjective, or rate one from 1 to 5."""

    LABEL = "label"
    COMPARE = "compare"
    COMPARE_ITEMS = "compare-items"
    SCALE = "scale"


class ItemRole(StrEnum):
    """`item` is what is studied; an `attention` check says itself what to answer; the answer of `gold` is known before."""

    ITEM = "item"
    ATTENTION = "attention"
    GOLD = "gold"


class RaterKind(StrEnum):
    PERSON = "person"
    IMPORTED = "imported"
    SIMULATED = "simulated"
    LLM = "llm"


class RaterState(StrEnum):
    """Where a rater is. Only `done` is a full session; `left` stopped early, the other two were sent away by a rule."""

    CHECKING = "checking"
    RATING = "rating"
    DONE = "done"
    LEFT = "left"
    SCREENED_OUT = "screened-out"
    FAILED_CHECK = "failed-check"


class JudgementKind(StrEnum):
    JUDGE = "judge"
    HUMAN = "human"


class TrialKind(StrEnum):
    TRY = "try"
    KINDS = "kinds"


class BatchState(StrEnum):
    PREPARING = "preparing"
    SUBMITTED = "submitted"
    COLLECTED = "collected"
    FAILED = "failed"


class JobState(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


# The states of a job that has not ended; at most one job of a key is in one of them.
ACTIVE_JOB_STATES = (JobState.QUEUED, JobState.STARTING, JobState.RUNNING, JobState.PAUSED)


class Work(StrEnum):
    """What a job does: the first part of its key."""

    GENERATE = "generate"
    TRY = "try"
    KINDS = "kinds"
    JUDGE = "judge"
    RATE_BY_LLM = "rate-by-llm"
    MEASURE = "measure"
    TRAIN = "train"
    SAMPLE = "sample"

    def key(self, subject: int | str) -> str:
        """The key of the job that does this work on a subject (the id of an arm, task or campaign; a digest of runs).

        At most one job of a key is active at a time.
        """
        return f"{self}:{subject}"


class Slot(StrEnum):
    """What a job occupies while it runs; a job that waits for an LLM takes no slot from a training."""

    CPU = "cpu"
    GPU = "gpu"
    API = "api"
