"""The house rules that a test can check: which way imports point, what the web process loads, and the tree of the house."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tree

ROOT = Path(__file__).parent.parent
ROOMS = {"synthesis", "quality", "subjectivity", "training"}
MAY_IMPORT = {
    "errors": set(),
    "files": set(),
    "files_room": {"errors", "files"},
    "interval": set(),
    "log": set(),
    "reports": set(),
    "stopping": set(),
    "wording": set(),
    "encoders": {"errors", "files"},
    "quiet_hub": {"encoders", "errors"},
    "settings": {"errors"},
    "catalogue": set(),
    "database_faults": {"errors"},
    "parquet_size": set(),
    "study": {
        "database_faults",
        "parquet_size",
        "encoders",
        "errors",
        "files",
        "interval",
        "settings",
        "study",
        "wording",
    },
    "llm": {"errors", "files", "interval", "reports", "settings", "quiet_hub", "study", "catalogue", "wording", "llm"},
    **{
        room: {
            "errors",
            "files",
            "files_room",
            "interval",
            "reports",
            "stopping",
            "wording",
            "settings",
            "encoders",
            "quiet_hub",
            "study",
            "llm",
            "catalogue",
            room,
        }
        for room in ROOMS
    },
    "jobs": {"errors", "files", "log", "settings", "stopping", "study", "wording", "jobs"},
    "upkeep": {"errors", "files", "settings", "encoders", "study", "llm", "jobs", "wording", "upkeep"},
    "analysis": {"errors", "files", "interval", "settings", "study", "llm", "catalogue", "analysis", "wording", *ROOMS},
    "steps": {
        "errors",
        "files",
        "interval",
        "reports",
        "settings",
        "encoders",
        "study",
        "llm",
        "catalogue",
        "analysis",
        "jobs",
        "steps",
        "wording",
        *ROOMS,
    },
}
HEAVY = {"openai", "torch", "transformers", "sentence_transformers", "sklearn", "nltk"}
FOR_WORKERS = {
    "core.quiet_hub",
    "core.quality.arms",
    "core.quality.embedding",
    "core.llm.local.local_model",
    "core.llm.local.unpacking",
    "core.training.baselines.classifiers",
    "core.training.baselines.compute",
    "core.training.fit",
    "core.training.checkpoints.checkpoint",
    "core.training.checkpoints.state",
    "core.training.fitting.encoder",
    "core.training.fitting.loop",
    "core.training.fitting.micro_batches",
    "core.training.predict",
}
MOST_FILES = 14
MAY_PRINT = {"core/commands", "core/jobs", "benchmarks"}


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, as dotted names down to the room."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "core" and len(parts) > 1 else None


@pytest.mark.parametrize("path", sorted((ROOT / "core").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_in_core_point_one_way(path: Path) -> None:
    room = path.relative_to(ROOT / "core").parts[0].removesuffix(".py")
    if room not in MAY_IMPORT:
        pytest.skip("commands and __main__ may import every room")

    wrong = {module for module in imports(path) if room_of(module) not in {None, *MAY_IMPORT[room]}}

    assert not wrong


def test_only_commands_know_the_terminal() -> None:
    for path in (ROOT / "core").rglob("*.py"):
        known = {module.split(".")[0] for module in imports(path)} & {"typer", "rich"}
        assert not known or "commands" in path.parts or path.name == "__main__.py", path


def test_core_never_imports_streamlit_and_pages_never_import_pages() -> None:
    core = {module.split(".")[0] for path in (ROOT / "core").rglob("*.py") for module in imports(path)}
    pages = {module.split(".")[0] for path in (ROOT / "pages").glob("*.py") for module in imports(path)}

    assert not core & {"streamlit", "ui", "pages"}
    assert "pages" not in pages


def test_sql_stays_in_core() -> None:
    queries = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in ("ui", "pages")
        for path in (ROOT / folder).rglob("*.py")
        for module in imports(path)
        if module.split(".")[0] == "sqlalchemy" and module != "sqlalchemy.orm.Session"
    }

    assert not queries


@pytest.mark.slow
def test_only_what_worker_processes_run_loads_heavy_libraries() -> None:
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for folder in ("core", "ui")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts and not path.name.startswith("__")
    )
    pages = {module for path in [*(ROOT / "pages").glob("*.py"), ROOT / "app.py"] for module in imports(path)}
    program = (
        "import importlib, sys\n"
        f"for name in {[name for name in modules if name not in FOR_WORKERS]!r}:\n"
        "    importlib.import_module(name)\n"
        f"for module, _, attribute in {sorted(name.rpartition('.') for name in pages)!r}:\n"
        "    found = importlib.import_module(module or attribute)\n"
        "    hasattr(found, attribute) or not module or importlib.import_module(f'{module}.{attribute}')\n"
        "from core import encoders\n"
        "encoders.resolve('minilm')\n"
        f"heavy = {HEAVY!r} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr[-2000:]


def test_the_tree_in_the_architecture_is_that_of_the_files() -> None:
    written = tree.ARCHITECTURE.read_text(encoding="utf-8").partition(tree.START)[2].partition(tree.END)[0]

    assert written == tree.text(), "write it anew with: python -m tests.tree"
    assert [name for name, said in tree.lines() if not said] == []


def test_folders_stay_small() -> None:
    full = {}
    for top in ("core", "ui"):
        for folder in [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())]:
            files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            if len(files) > MOST_FILES and "migrations" not in folder.parts:
                full[str(folder.relative_to(ROOT))] = len(files)

    assert full == {}


def test_files_and_functions_stay_short() -> None:
    too_long = []
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        limit = 120 if path.parent.name == "pages" else 400
        if text.count("\n") > limit and "migrations" not in path.parts:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        too_long += [
            f"{path.relative_to(ROOT)}:{node.name}"
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (node.end_lineno or 0) - node.lineno > 50
            and "migrations" not in path.parts
        ]

    assert not too_long


def test_every_public_function_and_class_says_what_it_is_for() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for folder in ("core", "ui")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]

    assert silent == []


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.name)
def test_every_benchmark_says_how_it_is_run(path: Path) -> None:
    said = ast.get_docstring(parsed(path)) or ""

    assert f"python -m benchmarks.{path.stem}" in said or f"python benchmarks/{path.name}" in said


def test_only_commands_jobs_and_benchmarks_print() -> None:
    printing = {
        str(path.relative_to(ROOT))
        for folder in ("core", "ui", "pages", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }

    assert {path for path in printing if not path.startswith(tuple(MAY_PRINT))} == set()


def test_no_file_has_an_odd_name() -> None:
    """A program that is tried with odd arguments may write into the checkout: such files are seen here before they are kept."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()

    assert [name for name in listed.split("\0") if not re.fullmatch(r"[\w./-]*", name)] == []
