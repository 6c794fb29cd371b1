"""Settings: the one place where the environment and the secrets file are read."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SECRETS = Path(".streamlit/secrets.toml")


@dataclass(frozen=True)
class Settings:
    """Where things are kept and which keys are at hand. Keys are left out of the repr, so they reach no log."""

    home: Path
    database_url: str
    slots: int
    gpus: int
    openai_base_url: str | None
    openai_api_key: str | None = field(repr=False)
    hf_token: str | None = field(repr=False)
    password: str | None = field(repr=False)

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
    """Settings from the environment, and for keys also from `.streamlit/secrets.toml`; the environment wins."""
    found = {**_secrets(secrets), **(os.environ if environ is None else environ)}
    home = Path(found.get("LITMUS_HOME") or "litmus-home").absolute()
    return Settings(
        home=home,
        database_url=found.get("LITMUS_DATABASE") or f"sqlite:///{home / 'litmus.db'}",
        slots=int(found.get("LITMUS_SLOTS") or os.cpu_count() or 1),
        gpus=int(found.get("LITMUS_GPUS") or _visible_gpus(found)),
        openai_base_url=found.get("OPENAI_BASE_URL") or None,
        openai_api_key=found.get("OPENAI_API_KEY") or None,
        hf_token=found.get("HF_TOKEN") or None,
        password=found.get("LITMUS_PASSWORD") or None,
    )


def _secrets(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        return {name: str(value) for name, value in tomllib.load(file).items() if not isinstance(value, dict)}


def _visible_gpus(found: Mapping[str, str]) -> int:
    """GPUs this machine offers, counted by their device files: importing torch for it would cost seconds."""
    if "CUDA_VISIBLE_DEVICES" in found:
        return len([gpu for gpu in found["CUDA_VISIBLE_DEVICES"].split(",") if gpu.strip() not in ("", "-1")])
    return len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()])
