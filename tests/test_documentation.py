"""What README and docs claim: commands and options exist, links lead to files, and the README stays short."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.__main__ import COMMANDS
from tests import reference
from tests.command_line import CommandLine

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SKILL.md", "llms.txt")),
    *sorted((ROOT / "docs").glob("*.md")),
]
CALL = re.compile(r"(?:litmus|python -m core) ((?:\\\n|[^\n`#|])+)")
IN_TABLE = re.compile(r"`([a-z-]+)((?: [^`]*)?)`")


def calls(text: str) -> set[tuple[str, str]]:
    """Pairs of a command and an option (or "") that a page shows as `litmus COMMAND --option`."""
    found = set()
    for call in CALL.findall(text):
        command, *rest = call.replace("\\\n", " ").split() or [""]
        if re.fullmatch(r"[a-z][a-z-]*", command):
            found |= {(command, option) for option in ["", *(word for word in rest if word.startswith("--"))]}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_and_options_of_the_documentation_exist(path: Path, tmp_path: Path) -> None:
    shown = calls(path.read_text(encoding="utf-8"))
    helps = {command: CommandLine(tmp_path)(command, "--help", COLUMNS="200").stdout for command, _ in shown}

    unknown = {f"{command} {option}" for command, option in shown if option.split("=")[0] not in helps[command]}

    assert {command for command, _ in shown} <= set(COMMANDS)
    assert not unknown


def test_the_commands_in_the_table_of_steps_exist() -> None:
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    shown = {command for row in rows[2:] for command, _ in IN_TABLE.findall(row.rsplit("|", 2)[1])}

    assert len(shown) > 15
    assert shown <= set(COMMANDS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))

    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_reference_is_that_of_the_code() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in reference.FOLDER.glob("*.md")}

    assert written == reference.pages(), "write it anew with: python -m tests.reference"


@pytest.mark.slow
def test_the_site_of_the_documentation_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)]

    done = subprocess.run(
        build, cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )

    assert done.returncode == 0, done.stdout + done.stderr
    built = "\n".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    assert "A tour of ten minutes" in built
    assert re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=[\"']?https?://[^\"' >]+", built) == []
