"""Run jobs on a Ray cluster, also one of KubeRay, through the REST interface of Ray Jobs; Ray is not installed here.

The code of this installation travels to the nodes as a package, once for each state of the code. The address of the
database and all keys stay off the wire: a node has them in its environment or in a file.
"""

import time
from collections.abc import Iterable
from typing import Any
from urllib.error import HTTPError

from core.errors import StudyError
from core.jobs.backends import cluster
from core.jobs.backends.backend import CLAIM_SECONDS, Condition, Verdict
from core.jobs.backends.ray_api import Nodes, RayApi, last_line
from core.settings import Settings
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job
from core.wording import counted

AHEAD = 2
OVER = ("SUCCEEDED", "FAILED", "STOPPED")
NODES_SECONDS = 5.0


class Ray:
    """The backend for the Ray cluster at `settings.cluster.ray_address`. It holds what it saw last of the cluster."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.api = RayApi(settings.cluster.ray_address or "", settings.cluster.ray_token)
        self.silences = cluster.Silences()
        self.stops = cluster.Stops()
        self.nodes = Nodes()
        self.nodes_at = 0.0

    def room(self, job: Job, held: Iterable[Job]) -> dict[str, Any] | None:
        cluster.check(self.settings)
        try:
            places = self._nodes().gpus if job.slot == Slot.GPU else self._nodes().cpus
        except OSError:
            return None
        most = min(self.settings.cluster.most_jobs, int(places) + AHEAD)
        return {} if cluster.on_same_slot(job, held) < most else None

    def start(self, job: Job) -> dict[str, Any]:
        resources = {"entrypoint_num_gpus": 1} if job.slot == Slot.GPU else {"entrypoint_num_cpus": 1}
        request = {
            "entrypoint": cluster.command(self.settings, job),
            "submission_id": cluster.name(job),
            "runtime_env": {"working_dir": self.api.upload_code()},
            **resources,
        }
        self.api.submit(request)
        return job.handle | {"ray": cluster.name(job)}

    def poll(self, job: Job, *, now: float) -> Verdict:
        try:
            found = self.api.job(cluster.name(job))
        except OSError:
            return Verdict.GONE if self.silences.holds(job, now) else Verdict.RUNNING
        if found is None:
            is_new = "refused" not in job.handle and now - (job.beat_at or job.created_at) < CLAIM_SECONDS
            return Verdict.RUNNING if is_new else Verdict.GONE
        if found["status"] in OVER:
            waited = job.state == JobState.STARTING and "failed to start within" in str(found.get("message"))
            # Ray may still start an attempt that it has given up: https://github.com/ray-project/ray/issues/41437
            if waited:
                self.api.try_to_stop(cluster.name(job))
            return Verdict.UNPLACED if waited else Verdict.GONE
        if self.silences.holds(job, now):
            self.api.try_to_stop(cluster.name(job))
            return Verdict.GONE
        return Verdict.RUNNING

    def stop(self, job: Job, *, now: float) -> None:
        if self.stops.is_overdue(job, now):
            self.api.try_to_stop(cluster.name(job))

    def log(self, job: Job, *, lines: int) -> str:
        try:
            printed = self.api.log(cluster.name(job)) or str(
                (self.api.job(cluster.name(job)) or {}).get("message") or ""
            )
        except OSError as error:
            is_lost = isinstance(error, HTTPError) and error.code >= 500
            hint = " A log is lost with the node that wrote it; what the job has stored is not." if is_lost else ""
            said = f"The log of job {job.id} is on the Ray cluster, and {self._unreachable(error)}{hint}"
            raise StudyError(said) from error
        return "\n".join(line.rsplit("\r", 1)[-1] for line in printed.rstrip().split("\n")[-lines:])

    def condition(self) -> Condition:
        try:
            version, nodes = self.api.version(), self._nodes()
        except OSError as error:
            said = self._unreachable(error)
            return Condition(problems=[f"{said[:1].upper()}{said[1:]}"])
        offer = f"{counted(nodes.alive, 'node')} with {counted(int(nodes.cpus), 'CPU')} and {counted(int(nodes.gpus), 'GPU')}"
        problems = [] if nodes.alive else ["No node is alive: start one with: ray start --address=HEAD:6379."]
        if nodes.dead:
            problems.append(f"{counted(nodes.dead, 'node')} left the cluster or died; their jobs go on elsewhere.")
        return Condition([f"Ray {version} at {self.api.address}: {offer}."], problems, gpus=int(nodes.gpus))

    def _nodes(self) -> Nodes:
        if time.monotonic() - self.nodes_at > NODES_SECONDS or not self.nodes_at:
            self.nodes = self.api.nodes()
            self.nodes_at = time.monotonic()
        return self.nodes

    def _unreachable(self, error: Exception) -> str:
        if getattr(error, "code", None) in (401, 403):
            return "it refuses the token: set RAY_AUTH_TOKEN to the token of the cluster."
        if isinstance(error, HTTPError):
            said = f"HTTP {error.code}, {last_line(error)}"
            return f"it answers at {self.api.address} with an error: {said}. What is wrong stands in its own dashboard."
        return (
            f"it does not answer at {self.api.address} ({error}): start it with: ray start --head, or correct "
            "LITMUS_RAY_ADDRESS."
        )
