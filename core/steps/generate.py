"""Fill an arm with an LLM's texts: from a connection and a number per label to stored samples."""

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
from core.llm.money import prices
from core.reports import Report, Teller
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Task
from core.study.store import Store
from core.synthesis.batches import batch_generation
from core.synthesis.generation import generation, standing
from core.synthesis.limits import BatchLimits, Limits
from core.synthesis.prompts import drafts, versions


@dataclass(frozen=True)
class How:
    """What to ask for and of whom. `budget` is in US dollars, None means no limit; `batch` asks by a Batch API."""

    per_label: int
    connection: Connection
    budget: float | None = None
    batch: bool = False

    def arguments(self) -> list[str]:
        """The same as options of the command generate."""
        budget = [] if self.budget is None else ["--budget", str(self.budget)]
        batch = ["--batch"] if self.batch else []
        return ["--per-label", str(self.per_label), *connection.arguments(self.connection), *budget, *batch]


def connection_of(*, provider: str, model: Sequence[str] | None, **others: Any) -> Connection:
    """The connection that a command's options describe. Raises `StudyError`."""
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


def check(settings: settings_module.Settings, how: How) -> None:
    """Raise `StudyError` when what is asked for cannot be opened or kept to the budget; loads no model."""
    connection.check(how.connection, settings)
    if how.connection.provider == "openai":
        generation.check_budget(clients_of(settings, how.connection), how.budget)


def clients_of(settings: settings_module.Settings, wanted: Connection) -> list[Provider]:
    """A provider for each model of a connection, at the prices known here. A local model is loaded: for workers."""
    names = [connection.split(model)[0] for model in wanted.models]
    known = {name: price for name in names if (price := prices.find(settings.home, name)) is not None}
    return connection.open_all(wanted, settings, prices=known)


def fill_arm(
    settings: settings_module.Settings, store: Store, *, arm_id: int, title: str, how: How, teller: Teller
) -> dict[str, Any]:
    """Generate in this process and tell how far it is.

    An arm that is full needs no provider and no key.
    """
    with store() as session:
        if standing.is_full(session, arm_id, per_label=how.per_label):
            return asdict(generation.totals(session, arm_id, seconds=0.0, stopped={}))
    clients = clients_of(settings, how.connection)
    with teller.bar(f"Generate {title}") as report:
        if how.batch:
            found = _by_batch(store, clients, arm_id=arm_id, how=how, report=report)
        else:
            found = generation.generate(
                store,
                arm_id=arm_id,
                per_label=how.per_label,
                provider=clients,
                limits=Limits(how.budget, how.connection.concurrency),
                report=report,
            )
    return asdict(found)


def synthetic_arm(session: Session, task: Task, name: str) -> Arm:
    """The arm of this name, made when it is new. Raises `StudyError` for the real one."""
    arm = tasks.make_arm(session, task_id=task.id, name=name)
    if arm.kind == ArmKind.REAL:
        raise StudyError("The real arm holds real data; generate into another arm, such as zero-shot.")
    return arm


def ready_arm(session: Session, task: Task, name: str) -> Arm:
    """The arm of this name with a prompt: its latest one, or else the default of its kind. Raises `StudyError`."""
    arm = synthetic_arm(session, task, name)
    if versions.latest(session, arm.id) is None:
        draft = drafts.default(task, tasks.labels_of(session, task.id), kind=arm.kind)
        versions.save(session, arm_id=arm.id, draft=draft)
    return arm


def _by_batch(
    store: Store, clients: Sequence[Provider], *, arm_id: int, how: How, report: Report
) -> generation.Generated:
    client = clients[0]
    if len(clients) != 1 or not isinstance(client, OpenAIProvider):
        raise StudyError("A batch asks one model of an endpoint. Name one --model, with --provider openai.")
    return batch_generation.generate_by_batch(
        store, arm_id=arm_id, per_label=how.per_label, provider=client, limits=BatchLimits(how.budget), report=report
    )
