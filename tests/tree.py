"""The tree of the house in docs/architecture.md, made from the docstrings of files and folders.

python -m tests.tree        # write it anew; a test says when it is out of date
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
ARCHITECTURE = ROOT / "docs" / "architecture.md"
START, END = "<!-- tree -->\n```\n", "```\n<!-- /tree -->"
TOPS = ("app.py", "pages", "ui", "core")
ELSEWHERE = (
    ("core/study/migrations/", "Changes of the database, in order"),
    ("core/catalogue/sample/", "Texts, recorded answers, simulated ratings, study.yaml"),
    ("core/catalogue/tasks/", "Prompts for the ten tasks of the paper, in our own words"),
    ("core/catalogue/prices.json", "What models cost, dated, to be edited"),
    ("benchmarks/", "Speed and memory as ratios in one run; never part of the tests"),
    (
        "tests/",
        "One folder for each folder of core, pages/, e2e/ (a real browser), golden/ (worked examples), llm_server (an endpoint)",
    ),
)


def sentence(path: Path) -> str:
    """The first sentence of a file's docstring, without its full stop."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split()).removesuffix(".")


def lines() -> list[tuple[str, str]]:
    """Full path and sentence of every folder and file of the house, folders before what they hold."""
    found: list[tuple[str, str]] = []
    for top in TOPS:
        path = ROOT / top
        found += [(top, sentence(path))] if path.is_file() else _of(path)
    return found + list(ELSEWHERE)


def text() -> str:
    """The tree as it stands in the document."""
    rows = lines()
    width = max(len(name) for name, _ in rows) + 2
    return "".join(f"{name.ljust(width)}{said}\n" for name, said in rows)


def _of(folder: Path) -> list[tuple[str, str]]:
    name = f"{folder.relative_to(ROOT)}/"
    package = folder / "__init__.py"
    found = [(name, sentence(package) if package.exists() else "One file per page, in the order of a study")]
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            found.append((f"{name}{path.name}", sentence(path)))
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and any(path.glob("*.py"))):
        if inner.name not in ("migrations", "sample"):
            found += _of(inner)
    return found


def main() -> None:
    before, _, rest = ARCHITECTURE.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    ARCHITECTURE.write_text(before + START + text() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
