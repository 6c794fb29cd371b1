"""Which backends are set up on this machine, why another one is not, and the log and the condition of each."""

from collections.abc import Mapping

from core.errors import StudyError
from core.jobs import queue
from core.jobs.backends import cluster, slurm
from core.jobs.backends.backend import Backend, Condition
from core.jobs.backends.local import Local
from core.jobs.backends.ray import Ray
from core.jobs.backends.slurm import Slurm
from core.settings import Settings
from core.study.rows.study import Job

LOCAL = "local"
TITLES = {LOCAL: "This machine", "ray": "Ray", "slurm": "Slurm"}
SET_UP = {
    "ray": "Jobs on Ray need the address of the cluster: set LITMUS_RAY_ADDRESS, such as http://HEAD:8265.",
    "slurm": "Jobs on Slurm need its commands: this machine has no sbatch, so start Litmus on a login node.",
}


def offered(settings: Settings, environ: Mapping[str, str]) -> dict[str, Backend]:
    """The backends that are set up, by name: always "local", "ray" with an address, "slurm" where sbatch is installed."""
    found: dict[str, Backend] = {LOCAL: Local(settings, environ)}
    if settings.cluster.ray_address:
        found["ray"] = Ray(settings)
    if slurm.is_there():
        found["slurm"] = Slurm(settings)
    return found


def missing(name: str) -> str:
    """The sentence for a backend that is not set up or not known."""
    return SET_UP.get(name, f"Jobs run on {', '.join(TITLES)}; {name!r} is none of them.")


def check(settings: Settings, name: str) -> None:
    """Raise `StudyError` if jobs cannot run on a backend: not set up, out of reach, or records that no node can reach."""
    if name == LOCAL:
        return
    found = offered(settings, {})
    if name not in found:
        raise StudyError(missing(name))
    cluster.check(settings)
    condition = found[name].condition()
    if not condition.sentences:
        raise StudyError(f"{TITLES[name]}: {condition.problems[0]}")


def gpus(settings: Settings, name: str) -> int:
    """The number of GPUs that jobs on a backend may use; 0 if the backend cannot be asked."""
    return settings.gpus if name == LOCAL else offered(settings, {})[name].condition().gpus


def conditions(settings: Settings) -> dict[str, Condition]:
    """What there is and what is wrong, for each backend that is set up, by its title.

    Records that no node can reach are wrong for all clusters and stand under "Clusters".
    """
    found = {TITLES[name]: backend.condition() for name, backend in offered(settings, {}).items()}
    if len(found) > 1:
        try:
            cluster.check(settings)
        except StudyError as error:
            found["Clusters"] = Condition(problems=[str(error)])
    return found


def log_tail(settings: Settings, job: Job, *, lines: int = 200) -> str:
    """The last lines of the log of a job, wherever it ran; "" if the job has printed nothing.

    Raises `StudyError` if the log is on a cluster that cannot be reached.
    """
    if job.backend != LOCAL and job.attempt:
        backend = offered(settings, {}).get(job.backend)
        if backend is None:
            raise StudyError(f"The log of job {job.id} is elsewhere. {missing(job.backend)}")
        return backend.log(job, lines=lines)
    return queue.log_tail(settings, job, lines=lines)
