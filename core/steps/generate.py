"""Check a request to generate, make its arm ready, and fill the arm in this process; `train` queues the same as a job."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from core import settings as settings_module
from core.errors import StudyError
from core.llm import connection, providers
from core.llm.answers import Provider
from core.llm.connection import Connection
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.local import packages
from core.llm.money import prices
from core.reports import Report, Teller
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Label, Task
from core.study.store import Store
from core.synthesis.batches import batch_generation
from core.synthesis.generation import generation, standing
from core.synthesis.limits import BatchLimits, Limits
from core.synthesis.prompts import drafts, versions
from core.synthesis.prompts.drafts import Draft


@dataclass(frozen=True)
class GenerationRequest:
    """How many texts an arm should have of each label, and which models write them.

    `budget` is in US dollars over all attempts, None is no limit; `batch` asks through a Batch API.
    """

    per_label: int
    connection: Connection
    budget: float | None = None
    batch: bool = False

    def arguments(self) -> list[str]:
        """Return the request as options of the command generate."""
        budget = [] if self.budget is None else ["--budget", str(self.budget)]
        batch = ["--batch"] if self.batch else []
        return ["--per-label", str(self.per_label), *connection.arguments(self.connection), *budget, *batch]


def connection_of(*, provider: str, model: Sequence[str] | None, **others: Any) -> Connection:
    """Return the connection that a command's options describe; `others` are further fields of `Connection`.

    Raises `StudyError` for an unknown provider or an invalid field.
    """
    if provider not in providers.NAMES:
        raise StudyError(
            f"There is no provider {provider!r}. Known are {', '.join(providers.NAMES)}; any OpenAI-compatible URL is "
            "'openai'."
        )
    models = tuple(model or ()) or (("recorded",) if provider == "recorded" else ())
    recordings = others.pop("recordings", None)
    return connection.made(
        provider=provider, models=models, recordings=str(recordings) if recordings else None, **others
    )


def check(settings: settings_module.Settings, request: GenerationRequest) -> None:
    """Raise `StudyError` if the models cannot be opened or the budget cannot be kept; loads no model."""
    connection.check(request.connection, settings)
    if request.connection.provider == "openai":
        generation.check_budget(open_providers(settings, request.connection), request.budget)


def open_providers(settings: settings_module.Settings, wanted: Connection) -> list[Provider]:
    """Return a provider for each model of a connection, at the prices of this home.

    A local model is loaded, so only workers may open a local model. Raises `StudyError` if a provider cannot be opened.
    """
    names = [connection.split(model)[0] for model in wanted.models]
    known = {name: price for name in names if (price := prices.find(settings.home, name)) is not None}
    return connection.open_all(wanted, settings, prices=known)


def fill_arm(
    settings: settings_module.Settings,
    store: Store,
    *,
    arm_id: int,
    title: str,
    request: GenerationRequest,
    teller: Teller,
) -> dict[str, Any]:
    """Generate the missing texts of an arm in this process, and return the totals of `Generated` as JSON.

    An arm that has its texts already needs no provider and no key. Raises `StudyError` like `generation.generate`.
    """
    with store() as session:
        if standing.is_full(session, arm_id, per_label=request.per_label):
            return asdict(generation.totals(session, arm_id, seconds=0.0, stopped={}))
    opened = open_providers(settings, request.connection)
    with teller.bar(f"Generate {title}") as report:
        if request.batch:
            totals = _by_batch(store, opened, arm_id=arm_id, request=request, report=report)
        else:
            totals = generation.generate(
                store,
                arm_id=arm_id,
                per_label=request.per_label,
                provider=opened,
                limits=Limits(request.budget, request.connection.concurrency),
                report=report,
            )
    return asdict(totals)


def synthetic_arm(session: Session, task: Task, name: str) -> Arm:
    """Get or create the arm of this name. Raises `StudyError` for the real arm."""
    arm = tasks.make_arm(session, task_id=task.id, name=name)
    if arm.kind == ArmKind.REAL:
        raise StudyError("The real arm holds real data; generate into another arm, such as zero-shot.")
    return arm


def first_draft(task: Task, labels: Sequence[Label], *, kind: ArmKind, wanted: Connection) -> Draft:
    """The prompt that an arm begins with: the usual one of its kind, and a short one if a packaged small model writes."""
    is_small = wanted.provider == "local" and any(model in packages.BY_NAME for model in wanted.models)
    return (drafts.for_small_model if is_small else drafts.default)(task, labels, kind=kind)


def ready_arm(session: Session, task: Task, name: str, wanted: Connection | None = None) -> Arm:
    """Get or create the arm of this name, with the first draft for the models `wanted` if the arm has no prompt yet.

    Raises `StudyError` for the real arm.
    """
    arm = synthetic_arm(session, task, name)
    if versions.latest(session, arm.id) is None:
        draft = first_draft(task, tasks.labels_of(session, task.id), kind=arm.kind, wanted=wanted or Connection())
        versions.save(session, arm_id=arm.id, draft=draft)
    return arm


def _by_batch(
    store: Store, opened: Sequence[Provider], *, arm_id: int, request: GenerationRequest, report: Report
) -> generation.Generated:
    provider = opened[0]
    if len(opened) != 1 or not isinstance(provider, OpenAIProvider):
        raise StudyError("A batch asks one model of an endpoint. Name one --model, with --provider openai.")
    return batch_generation.generate_by_batch(
        store,
        arm_id=arm_id,
        per_label=request.per_label,
        provider=provider,
        limits=BatchLimits(request.budget),
        report=report,
    )
