"""The kinds and states that stored rows can have, as enums whose values are what the database holds."""

from enum import StrEnum


class ArmKind(StrEnum):
    """How the training texts of an arm were obtained; `mixed` arms hold real and synthetic texts."""

    REAL = "real"
    ZERO_SHOT = "zero-shot"
    FEW_SHOT = "few-shot"
    MIXED = "mixed"
    OTHER = "other"


class Split(StrEnum):
    """What a sample is used for; `pool` holds real texts that prompts may show as examples or sources."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    POOL = "pool"


class SampleStatus(StrEnum):
    """Whether a sample is used; a rejected sample stays stored with its reason."""

    KEPT = "kept"
    REJECTED = "rejected"


class CampaignKind(StrEnum):
    """What raters do: label a text, compare two tasks or two texts by their subjectivity, or rate a text from 1 to 5."""

    LABEL = "label"
    COMPARE = "compare"
    COMPARE_ITEMS = "compare-items"
    SCALE = "scale"


class ItemRole(StrEnum):
    """The role of an item: `item` is studied, the text of `attention` says which answer to give, `gold` has a known answer."""

    ITEM = "item"
    ATTENTION = "attention"
    GOLD = "gold"


class RaterKind(StrEnum):
    """Who gave the ratings of a rater; `imported` ratings came in a file."""

    PERSON = "person"
    IMPORTED = "imported"
    SIMULATED = "simulated"
    LLM = "llm"


class RaterState(StrEnum):
    """Where a rater stands in a session.

    `checking`: in the qualification check. `rating`: rates items. `done`: rated all items of the session. `left`: stopped
    early. `screened-out`: did not pass the screening. `failed-check`: failed the qualification or the attention checks.
    """

    CHECKING = "checking"
    RATING = "rating"
    DONE = "done"
    LEFT = "left"
    SCREENED_OUT = "screened-out"
    FAILED_CHECK = "failed-check"


class JudgementKind(StrEnum):
    """Who gave a sample a second label: an LLM judge, or a person."""

    JUDGE = "judge"
    HUMAN = "human"


class Wording(StrEnum):
    """How an LLM is asked for the second half of a text: `guided` names the data set and the split, `general` does not."""

    GUIDED = "guided"
    GENERAL = "general"


class TrialKind(StrEnum):
    """What a trial call asked for: texts by a draft prompt, or a list of kinds of texts for a taxonomy."""

    TRY = "try"
    KINDS = "kinds"


class BatchState(StrEnum):
    """How far a batch of requests is; `preparing` and `submitted` batches hold their slots, as they may still bring answers.

    `written`: its requests were written to a file, and a person brings in the answers, if anybody sends the file.
    """

    PREPARING = "preparing"
    SUBMITTED = "submitted"
    COLLECTED = "collected"
    FAILED = "failed"
    WRITTEN = "written"


class Purpose(StrEnum):
    """What a run was trained for. Gaps, verdicts and tables of scores count the runs of the comparison of arms alone.

    `learning-curve`: another number of training texts, or a mix of real and synthetic texts. `steps-check`: half or twice the
    steps. `seed-student`: the real texts of the pool.
    """

    COMPARISON = "comparison"
    LEARNING_CURVE = "learning-curve"
    STEPS_CHECK = "steps-check"
    SEED_STUDENT = "seed-student"


class JobState(StrEnum):
    """Where a job stands; `core.jobs.queue` says how the states follow each other."""

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
    CONTAMINATION = "contamination"
    RATE_BY_LLM = "rate-by-llm"
    MEASURE = "measure"
    TRAIN = "train"
    BASELINES = "baselines"
    SAMPLE = "sample"
    PACK = "pack"
    EXPORT = "export"
    MODEL = "model"

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
