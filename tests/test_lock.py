"""The lock of requirements: every package of an installation, at the version of the constraints, with its checksums."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PINNED = re.compile(
    r"(?P<requirement>[A-Za-z0-9][^\\\n]*?) ?\\\n(?P<hashes>(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
)


def pins(text: str) -> dict[str, str]:
    """Package -> pinned version, of lines such as NAME==VERSION; comments and other lines are left out."""
    found = {}
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^ ;\\#]+)", line):
            found[canonicalize_name(match[1])] = match[2]
    return found


@pytest.fixture(scope="module")
def locked() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_every_line_of_the_lock_is_a_pinned_package_with_checksums(locked: str) -> None:
    found = [Requirement(match["requirement"]) for match in PINNED.finditer(locked)]

    assert PINNED.sub("", locked).strip() == ""
    assert len({each.name for each in found}) == len(found) == len(pins(locked)) > 100


def test_the_lock_has_what_is_required_at_the_versions_of_the_constraints(locked: str) -> None:
    constrained = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    required = pins((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    found = pins(locked)

    assert required and required.keys() <= found.keys()
    assert len(constrained) > 100
    moved = {name: found[name] for name in found.keys() & constrained.keys() if found[name] != constrained[name]}
    assert moved == {}, "run make lock"
    others = found.keys() - constrained.keys()
    assert all(name.startswith(("nvidia-", "cuda-")) or name in {"triton", "httpx2-jsfetch"} for name in others), others
