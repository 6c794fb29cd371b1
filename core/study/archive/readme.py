"""The README of an exported study: what each file holds, and how rows refer to rows."""

from core.study.archive.layout import Column, files
from core.study.archive.manifest import Manifest
from core.study.exchange.data_set.card import cell
from core.study.rows.base import Base

HOW = """Each file holds the rows of one kind, numbered from 1 by `id`. A column such as `task_id` holds the `id` of a row in another
file, named below. Times are seconds since 1970 (UTC). Only observed facts are here: scores, agreement, gaps and measures of
quality are computed from them. `manifest.json` has the number of rows, the columns and the SHA-256 of every file.

Never written: API keys, links of campaigns, personal codes and completion codes, background jobs and batches under way."""
CSV = """An empty cell is a missing value. In a column that may have missing values, a text that is empty or begins with a
backslash has one more backslash before it; objects and lists are JSON."""

ORIGIN = """## Where the texts come from

The column `synthetic` of samples and completions says whether a model wrote the text; `croissant.json` says so to programs.
The licence of real texts is that of their source, which Litmus does not know; the terms of the makers of the models may apply to
the others."""


def text(said: Manifest, told: list[tuple[str, str]]) -> str:
    """The README as Markdown. `told`: the name of a task and where the texts of an arm of the task come from."""
    meanings = {
        mapper.class_.__tablename__: _first_sentence(mapper.class_.__doc__ or "") for mapper in Base.registry.mappers
    }
    lines = [
        f"| `{file.stem}.{said.format}` | {said.rows[file.table.name]} | {meanings[file.table.name]} | {_references(file.references)} |"
        for file in files()
    ]
    panel = "with" if said.panel_ids else "without"
    parts = [
        f"# The study {' '.join(said.study.split())}",
        f"Exported by Litmus on {said.made}, {panel} the ids that raters have at a panel. `python -m core import DIR` reads it back.",
        HOW,
        *([CSV] if said.format == "csv" else []),
        "\n".join(["| file | rows | a row is | refers to |", "|---|---:|---|---|", *lines]),
        ORIGIN,
        "\n".join(f"- {cell(task)}: {cell(sentence)}" for task, sentence in told) or "The study has no texts yet.",
    ]
    return "\n\n".join(parts) + "\n"


def _references(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"`{column.name}`: {column.refers_to}" for column in columns) or "–"


def _first_sentence(words: str) -> str:
    """The first sentence of a docstring, on one line."""
    line = " ".join(words.split("\n\n")[0].split())
    return (line.partition(". ")[0].rstrip(".") + ".").replace("|", "\\|")
