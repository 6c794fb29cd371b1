"""Write the paper pack: a folder with report, tables, figures, methods, prompts, cards and study file, also a static site."""

import html
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import plotly.graph_objects as go
import plotly.offline
from sqlalchemy.orm import Session

from core import files, wording
from core.analysis.findings import Findings
from core.analysis.reports import report
from core.analysis.reports.pack import cards, markup, methods, pictures, prompts, redo, references, tables, texts
from core.errors import StudyError
from core.settings import Settings

LIST, SCRIPT = "pack.json", "figures/plotly.min.js"
OWN = {"report.html", "report.pdf", "index.html", "tables.tex", "tables.md", "methods.md", "methods.tex", "prompts.md", "prompts.tex",
       "data-card.md", "model-card.md", "references.bib", "CITATION.cff", "figures", "data", redo.NAME, LIST}  # fmt: skip
INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; padding: 2rem 1rem; max-width: 46rem; }}
li {{ margin: .3rem 0; }} h1, li, p {{ unicode-bidi: plaintext; overflow-wrap: anywhere; }}
</style></head><body><h1>{title}</h1><p><a href="report.html">Read the report</a></p><ul>
{parts}
</ul>{notes}</body></html>
"""


@dataclass(frozen=True)
class Part:
    """A file of the pack: its path within the pack, and what it is in a few words."""

    path: str
    what: str


@dataclass(frozen=True)
class Pack:
    """A written pack: its files, and sentences about what is not in it."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...]


def write(session: Session, found: Findings, folder: Path, *, settings: Settings | None = None) -> Pack:
    """Write the pack of a study's findings into a folder; an earlier pack there is replaced.

    `settings` name the home that keeps the measures of quality; without them the pack has none.
    Figures are HTML always; SVG and PDF need a browser on this machine, and a note says so without one. Raises `StudyError` if
    the folder holds other files or cannot be written.
    """
    _make_room(folder)
    made = [*tables.of_study(session, found), *texts.of_study(session, found, settings)]
    said = methods.of_study(session, found)
    asked = prompts.used(session, found.study)
    page = report.render(session, found, settings=settings)
    contents = {
        "report.html": ("the report with interactive figures, in one file", page),
        "tables.tex": ("all tables for LaTeX (booktabs)", markup.latex(made)),
        "tables.md": ("all tables in Markdown", markup.markdown(made, title=f"Tables of {found.study.name}")),
        "methods.md": (
            "methods with all settings and versions",
            "\n\n".join(map(wording.markdown_text, said.paragraphs)) + "\n",
        ),
        "methods.tex": (
            "the methods for LaTeX",
            markup.with_head("\n\n".join(map(markup.latex_text, said.paragraphs)) + "\n"),
        ),
        "prompts.md": ("every prompt, word for word", prompts.markdown(asked)),
        "prompts.tex": ("the prompts for LaTeX", prompts.latex(asked)),
        "data-card.md": ("what the texts are and where they come from", cards.data_card(session, found, made)),
        "model-card.md": ("what was trained, and its limits", cards.model_card(found, said, made)),
        "references.bib": ("BibTeX of the paper and the methods used", references.bibtex(said.references)),
        "CITATION.cff": ("how to cite the study", references.citation(found.study.name)),
    }
    for name, (_, content) in contents.items():
        files.replace(folder / name, content.encode())
    parts = [Part(name, what) for name, (what, _) in contents.items()]
    redone, notes = redo.write(session, found.study, folder)
    parts += [
        Part(path.relative_to(folder).as_posix(), "redoes the study" if path.suffix == ".yaml" else "its data")
        for path in redone
    ]
    drawn, missing = _draw(folder, report.drawn_figures(session, found), page)
    return _listed(folder, found.study.name, Pack((*parts, *drawn), (*notes, *missing)))


def read(folder: Path) -> Pack | None:
    """The list of a pack that was written before; None if the folder holds no whole pack."""
    try:
        found = json.loads((folder / LIST).read_text(encoding="utf-8"))
        pack = Pack(tuple(Part(**part) for part in found["parts"]), tuple(found["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pack if all((folder / part.path).is_file() for part in pack.parts) else None


def _listed(folder: Path, title: str, pack: Pack) -> Pack:
    """Write the list of the pack and the page that links to its files."""
    links = "\n".join(
        f'<li><a href="{html.escape(part.path)}">{html.escape(part.path)}</a>: {html.escape(part.what)}</li>'
        for part in pack.parts
    )
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in pack.notes)
    files.replace(folder / "index.html", INDEX.format(title=html.escape(title), parts=links, notes=notes).encode())
    whole = Pack((Part("index.html", "a page that links to every file"), *pack.parts), pack.notes)
    files.replace(folder / LIST, json.dumps(asdict(whole), ensure_ascii=False, indent=1).encode())
    return whole


def _draw(folder: Path, figures: Sequence[report.Drawn], page: str) -> tuple[list[Part], list[str]]:
    """Write the figures, and the report as PDF; return the files, and a sentence for what could not be drawn."""
    (folder / "figures").mkdir(exist_ok=True)
    parts: list[Part] = []
    named = {_file_name(drawn.title, place): drawn for place, drawn in enumerate(figures, start=1)}
    for name, drawn in named.items():
        path = f"figures/{name}.html"
        files.replace(folder / path, drawn.figure.to_html(include_plotlyjs="directory").encode())
        parts.append(Part(path, drawn.title))
    if named:
        files.replace(folder / SCRIPT, plotly.offline.get_plotlyjs().encode())
        parts.append(Part(SCRIPT, "the script that draws the figures in HTML"))
    program = pictures.browser()
    if program is None:
        return parts, [pictures.NO_BROWSER]
    try:
        parts += _pictures(program, folder, {name: drawn.figure for name, drawn in named.items()})
        pictures.pdf_of_page(program, page, folder / "report.pdf")
    except StudyError as error:
        return parts, [f"{error} Figures that are missing as SVG or PDF are there as HTML."]
    return [*parts, Part("report.pdf", "the report, printed")], []


def _pictures(program: str, folder: Path, figures: dict[str, go.Figure]) -> list[Part]:
    """Write every figure as SVG and PDF."""
    parts = []
    for name, svg in pictures.svgs(
        program, {name: pictures.for_paper(figure) for name, figure in figures.items()}
    ).items():
        files.replace(folder / f"figures/{name}.svg", svg.encode())
        pictures.pdf_of_svg(program, svg, folder / f"figures/{name}.pdf")
        parts += [
            Part(f"figures/{name}.{ending}", f"the figure at {pictures.COLUMN_MM} mm") for ending in ("svg", "pdf")
        ]
    return parts


def _file_name(title: str, place: int) -> str:
    return f"{place:02d}-{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')[:60]}"


def _make_room(folder: Path) -> None:
    """Make the folder, or empty it of an earlier pack. Raises `StudyError` if it holds other files or cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = {path.name for path in folder.iterdir()}
        if found and (LIST not in found or found - OWN):
            raise StudyError(f"The folder {folder} holds other files already. Name an empty or a new folder.")
        for path in list(folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        files.replace(folder / LIST, b"{}")  # says whose folder it is, should the writing be cut off
    except OSError as error:
        raise StudyError(f"The folder {folder} cannot be written: {error.strerror}. Name another folder.") from error
