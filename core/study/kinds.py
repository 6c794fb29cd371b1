"""The words that rows use for kinds and states."""

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
    LABEL = "label"
    COMPARE = "compare"


class RaterKind(StrEnum):
    PERSON = "person"
    IMPORTED = "imported"
    SIMULATED = "simulated"
    LLM = "llm"


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


class Slot(StrEnum):
    """What a job occupies while it runs, so that waiting for an LLM never blocks a training."""

    CPU = "cpu"
    GPU = "gpu"
    API = "api"
