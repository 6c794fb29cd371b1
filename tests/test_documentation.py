"""What README and docs claim: commands and options exist, links lead to files, and the README stays short."""

import re
from pathlib import Path

import pytest

from core.__main__ import COMMANDS
from tests.command_line import CommandLine

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
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
