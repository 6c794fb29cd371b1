"""Settings of the program, read from the environment and the secrets file in this module only."""

import ipaddress
import json
import math
import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import StudyError

SECRETS = Path(".streamlit/secrets.toml")
VIEW_LINKS, SIGNED_OUT = (
    "view-links",
    "signed-out",
)  # folders of a home: its read-only links, and sign-ins that were ended
CHECKPOINT_SECONDS = 20
NICENESS, LEAST_PRIORITY = 10, 19
OFF = ("", "off", "no", "0", "false")


@dataclass(frozen=True)
class Cluster:
    """How jobs reach a cluster and what they find there. The repr leaves the token out.

    `ray_address`: the address of Ray's dashboard, such as http://head:8265. `slurm_options`: further options of sbatch.
    `python`: the interpreter on the nodes, None for the path of this one. `node_file`: the file on the nodes with the
    address of the database and the keys, None for the usual place. `most_jobs`: jobs handed to a cluster at a time.
    """

    ray_address: str | None
    ray_token: str | None = field(repr=False)
    slurm_options: str
    python: str | None
    node_file: str | None
    most_jobs: int


@dataclass(frozen=True)
class Oidc:
    """The OpenID Connect provider at which people sign in, and who is let in. The repr leaves the client's secret out.

    `issuer`: the URL that the provider calls itself by. `organisers`, `viewers`: e-mail addresses in lower case (entries with
    an @), or subjects, the provider's own ids of people.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    organisers: tuple[str, ...]
    viewers: tuple[str, ...] = ()

    @property
    def sign_in_secret(self) -> str:
        """What sign-ins by the provider are made from: a change of any setting, such as who is let in, ends them all."""
        return json.dumps([self.issuer, self.client_id, self.client_secret, self.organisers, self.viewers])

    @property
    def host(self) -> str:
        """The provider's name for people."""
        return urlsplit(self.issuer).hostname or self.issuer


@dataclass(frozen=True)
class Settings:
    """Folders, the database, the machine's slots and the keys of services. The repr leaves keys out, so no log holds them.

    `files` is the folder or URL where nodes of a cluster keep files for one another, None without. `slots` is the number of
    jobs that may use the processor at a time, `gpus` the number of GPUs that jobs may use, `slots_per_gpu` the number of jobs
    that share a GPU and its memory.
    `niceness`, from 0 to 19, is how far jobs give way to whatever else wants the processor.
    `watts` is the power that the machine draws under load, for forecasts of energy; None if it is not known.
    `local_servers` maps names of servers of language models on this machine to their ports, None for the usual ports.
    `checkpoint_seconds` is the least time between two checkpoints of a training; with 0, one is written after every step.
    `password_hash` is an argon2 hash of the organiser's password, in place of the password; `viewer_password` and
    `viewer_password_hash` are those of visitors who may look and change nothing.
    `metrics` opens the numbers for Prometheus: "on", or the token that Prometheus sends; None if they stay closed, as where
    the variable is one of `OFF`.
    `log` says how the log is written: "" for warnings only, "lines" or "json" for everything.
    `hosts` are further names by which browsers reach the dashboard.
    `oidc` is the provider at which organisers and viewers sign in, beside or in place of passwords; None without.
    """

    home: Path
    database_url: str
    slots: int
    gpus: int
    openai_base_url: str | None
    openai_api_key: str | None = field(repr=False)
    hf_token: str | None = field(repr=False)
    password: str | None = field(repr=False)
    files: str | None
    cluster: Cluster
    watts: float | None = None
    checkpoint_seconds: int = CHECKPOINT_SECONDS
    local_servers: Mapping[str, int] | None = None
    hosts: tuple[str, ...] = ()
    slots_per_gpu: int = 1
    niceness: int = NICENESS
    password_hash: str | None = field(default=None, repr=False)
    viewer_password: str | None = field(default=None, repr=False)
    viewer_password_hash: str | None = field(default=None, repr=False)
    metrics: str | None = field(default=None, repr=False)
    log: str = ""
    oidc: Oidc | None = None

    @property
    def asks_sign_in(self) -> bool:
        """Whether organisers have to sign in, by a password or at a provider."""
        return self.organiser_secret is not None or self.oidc is not None

    @property
    def organiser_secret(self) -> str | None:
        """What sign-ins by password are made from: the organiser's password or its hash; None without both."""
        return self.password_hash or self.password

    @property
    def viewer_secret(self) -> str | None:
        """What the sign-ins of viewers are made from: their password or its hash; None without both."""
        return self.viewer_password_hash or self.viewer_password

    @property
    def checkpoints(self) -> Path:
        return self.home / "checkpoints"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def exports(self) -> Path:
        return self.home / "exports"

    @property
    def backups(self) -> Path:
        return self.home / "backups"


def load(environ: Mapping[str, str] | None = None, secrets: Path = SECRETS) -> Settings:
    """Read the settings from the environment and from the file `secrets`; a variable of the environment wins.

    Raises `StudyError` if a number, a host name, the options for Slurm, a password's hash or the address of a provider is not
    valid, a viewer's password has no organiser's password beside it, a setting of the provider is missing, or the file is not
    TOML.
    """
    found = {**_secrets(secrets), **(os.environ if environ is None else environ)}
    _check_passwords(found)
    home = Path(found.get("LITMUS_HOME") or "litmus-home").absolute()
    return Settings(
        home=home,
        database_url=found.get("LITMUS_DATABASE") or f"sqlite:///{home / 'litmus.db'}",
        slots=_number(found, "LITMUS_SLOTS", least=1, default=os.cpu_count() or 1),
        gpus=_number(found, "LITMUS_GPUS", least=0, default=_visible_gpus(found)),
        openai_base_url=found.get("OPENAI_BASE_URL") or None,
        openai_api_key=(found.get("OPENAI_API_KEY") or "").strip() or None,
        hf_token=(found.get("HF_TOKEN") or "").strip() or None,
        password=found.get("LITMUS_PASSWORD") or None,
        files=found.get("LITMUS_FILES") or None,
        cluster=_cluster(found),
        watts=_watts(found),
        checkpoint_seconds=_number(found, "LITMUS_CHECKPOINT_SECONDS", least=0, default=CHECKPOINT_SECONDS),
        local_servers=_ports(found),
        hosts=_hosts(found),
        slots_per_gpu=_number(found, "LITMUS_SLOTS_PER_GPU", least=1, default=1),
        niceness=min(LEAST_PRIORITY, _number(found, "LITMUS_NICENESS", least=0, default=NICENESS)),
        password_hash=_password_hash(found, "LITMUS_PASSWORD"),
        metrics=None if found.get("LITMUS_METRICS", "").strip().lower() in OFF else found["LITMUS_METRICS"],
        log=_log(found),
        viewer_password=found.get("LITMUS_VIEWER_PASSWORD") or None,
        viewer_password_hash=_password_hash(found, "LITMUS_VIEWER_PASSWORD"),
        oidc=_oidc(found),
    )


def _cluster(found: Mapping[str, str]) -> Cluster:
    return Cluster(
        ray_address=found.get("LITMUS_RAY_ADDRESS") or None,
        ray_token=found.get("RAY_AUTH_TOKEN") or None,
        slurm_options=_slurm_options(found),
        python=found.get("LITMUS_NODE_PYTHON") or None,
        node_file=found.get("LITMUS_NODE_FILE") or None,
        most_jobs=_number(found, "LITMUS_CLUSTER_JOBS", least=1, default=64),
    )


def _slurm_options(found: Mapping[str, str]) -> str:
    text = found.get("LITMUS_SLURM_OPTIONS") or ""
    try:
        shlex.split(text)
    except ValueError as error:
        raise StudyError(
            f"LITMUS_SLURM_OPTIONS must be options as in a shell, with every quote closed; it is {text!r}."
        ) from error
    return text


def _secrets(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not valid TOML: {error}.") from error
    return {name: str(value) for name, value in read.items() if not isinstance(value, dict)}


def _number(found: Mapping[str, str], name: str, *, least: int, default: int) -> int:
    text = found.get(name) or str(default)
    if not text.isdecimal() or int(text) < least:
        raise StudyError(f"{name} must be a whole number of at least {least}; it is {text!r}.")
    return int(text)


def _log(found: Mapping[str, str]) -> str:
    kind = found.get("LITMUS_LOG") or ""
    if kind not in ("", "lines", "json"):
        raise StudyError(f"LITMUS_LOG must be lines or json; it is {kind!r}.")
    return kind


def _check_passwords(found: Mapping[str, str]) -> None:
    organiser, viewer = (
        {name: value for name in (plain, f"{plain}_HASH") if (value := found.get(name))}
        for plain in ("LITMUS_PASSWORD", "LITMUS_VIEWER_PASSWORD")
    )
    if viewer and not organiser:
        raise StudyError("A viewer's password needs an organiser's password beside it: set LITMUS_PASSWORD too.")
    if set(organiser.values()) & set(viewer.values()):
        raise StudyError("LITMUS_VIEWER_PASSWORD must differ from LITMUS_PASSWORD, or every viewer is an organiser.")


def _password_hash(found: Mapping[str, str], plain: str) -> str | None:
    given = (found.get(f"{plain}_HASH") or "").strip()
    if given and found.get(plain):
        raise StudyError(f"Set {plain} or {plain}_HASH, not both.")
    if given and not re.fullmatch(r"\$argon2(id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+", given):
        raise StudyError(
            f"{plain}_HASH must be an argon2 hash, which starts with $argon2id$; docs/serving.md says how to make it."
        )
    return given or None


def _oidc(found: Mapping[str, str]) -> Oidc | None:
    """The provider of the settings LITMUS_OIDC_...; None if none of these is set."""
    prefix, needed = "LITMUS_OIDC_", ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "ORGANISERS")
    given = {name: (found.get(prefix + name) or "").strip() for name in (*needed, "VIEWERS")}
    if not any(given.values()):
        return None
    if missing := [prefix + name for name in needed if not given[name]]:
        raise StudyError(f"Sign-in at a provider needs {' and '.join(missing)} too: see docs/serving.md.")
    return Oidc(
        issuer=_issuer(given["ISSUER"]),
        client_id=given["CLIENT_ID"],
        client_secret=given["CLIENT_SECRET"],
        organisers=_people(given["ORGANISERS"]),
        viewers=_people(given["VIEWERS"]),
    )


def _issuer(url: str) -> str:
    """The URL of a provider, if it is encrypted or of this machine."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    except ValueError:
        is_valid = False
    if not (is_valid and parts.hostname and not parts.query and not parts.fragment and parts.username is None):
        raise StudyError(
            "LITMUS_OIDC_ISSUER must be the provider's own URL, encrypted and without a password, such as https://login.example.org."
        )
    return url


def _people(text: str) -> tuple[str, ...]:
    """E-mail addresses and subjects with commas between them; addresses in lower case."""
    entries = [entry.strip() for entry in text.split(",")]
    return tuple(entry.lower() if "@" in entry else entry for entry in entries if entry)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hosts(found: Mapping[str, str]) -> tuple[str, ...]:
    """The host names in LITMUS_HOSTS, in the form that browsers send."""
    names = [name.strip() for name in (found.get("LITMUS_HOSTS") or "").split(",")]
    return tuple(_host(name) for name in names if name)


def _host(name: str) -> str:
    try:
        sent = name.encode("idna").decode() if not name.isascii() else name.lower()
    except UnicodeError:
        sent = ""
    if not re.fullmatch(r"[a-z0-9_.-]+(:\d+)?|\[?[0-9a-f:]+\]?", sent):
        raise StudyError(
            f"LITMUS_HOSTS must be host names with commas between them, such as litmus.example.org; it has {name!r}."
        )
    return sent


def _ports(found: Mapping[str, str]) -> dict[str, int] | None:
    """The ports of LITMUS_LOCAL_SERVERS, such as "Ollama=11434, vLLM=8001"; an empty mapping for "none"."""
    text = (found.get("LITMUS_LOCAL_SERVERS") or "").strip()
    if not text:
        return None
    if text == "none":
        return {}
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not name.strip() or not port.strip().isdecimal() or int(port) > 65535 for name, _, port in pairs):
        raise StudyError(f"LITMUS_LOCAL_SERVERS must be like 'Ollama=11434, vLLM=8001', or 'none'; it is {text!r}.")
    return {name.strip(): int(port) for name, _, port in pairs}


def _watts(found: Mapping[str, str]) -> float | None:
    text = found.get("LITMUS_WATTS")
    if not text:
        return None
    try:
        watts = float(text)
    except ValueError:
        watts = math.nan
    if not 0 < watts < math.inf:
        raise StudyError(f"LITMUS_WATTS must be a number of watts above 0; it is {text!r}.")
    return watts


def _visible_gpus(found: Mapping[str, str]) -> int:
    """The number of GPUs of this machine, counted by device files since importing torch would take seconds."""
    if "CUDA_VISIBLE_DEVICES" in found:
        return len([gpu for gpu in found["CUDA_VISIBLE_DEVICES"].split(",") if gpu.strip() not in ("", "-1")])
    return len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()])
