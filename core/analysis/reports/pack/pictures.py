"""Figures as SVG and PDF at the width of a column, and pages as PDF, drawn by a browser of this machine without network.

No browser is installed for this: one of the usual names must be on the path. Figures as HTML need none.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go
import plotly.offline

from core.errors import StudyError

BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
NO_BROWSER = "Figures are HTML only, and there is no PDF: SVG and PDF need Chromium, Chrome or Edge on this machine."
COLUMN_MM = 84  # width of a column of a page in two columns
WIDTH_PX, FONT_PX = 400, 12  # a figure is drawn at this size and printed at COLUMN_MM: letters of about 7 points
PATIENCE_S = 120
FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking",
    "--disable-sync", "--mute-audio", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=30000",
)  # fmt: skip
DRAW = """<!doctype html><meta charset="utf-8"><script>%s</script><pre id="drawn"></pre><script>
const figures = %s, names = Object.keys(figures);
Promise.all(names.map(name => Plotly.toImage(figures[name], {format: "svg", width: figures[name].layout.width,
  height: figures[name].layout.height}))).then(urls => {
  const drawn = {};
  names.forEach((name, place) => { drawn[name] = decodeURIComponent(urls[place].replace(/^data:image\\/svg\\+xml,/, "")); });
  const bytes = new TextEncoder().encode(JSON.stringify(drawn));
  document.getElementById("drawn").textContent = btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
});</script>"""
PAGE = """<!doctype html><meta charset="utf-8"><style>
@page {{size: {w}mm {h}mm; margin: 0}} body {{margin: 0}} svg {{display: block}}</style>{svg}"""


def browser() -> str | None:
    """The path of a browser that can draw; None if none is found under its usual names."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def for_paper(figure: go.Figure) -> go.Figure:
    """A copy of a figure at the width of a column: white, with letters that can be read in print."""
    height = int((figure.layout.height or 420) * 0.9)
    has_names = figure.layout.xaxis.ticktext is not None or figure.layout.xaxis.categoryarray is not None
    narrow = go.Figure(figure).update_xaxes(ticklabeloverflow="allow", tickangle=-30 if has_names else 0)
    return narrow.update_layout(
        width=WIDTH_PX,
        height=height,
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"size": FONT_PX, "color": "#111111"},
        margin={"l": 8, "r": 8, "t": 32, "b": 84},
    )


def svgs(program: str, figures: Mapping[str, go.Figure]) -> dict[str, str]:
    """Figures as SVG that is `COLUMN_MM` wide, under their names. Raises `StudyError` if the browser does not draw them."""
    specs = {name: json.loads(figure.to_json()) for name, figure in figures.items()}
    content = DRAW % (plotly.offline.get_plotlyjs(), json.dumps(specs).replace("</", "<\\/"))
    found = re.search(r'<pre id="drawn">([A-Za-z0-9+/=]+)</pre>', _run(program, content, "--dump-dom"))
    if found is None:
        raise StudyError("The browser did not draw the figures. They are in the pack as HTML.")
    drawn = json.loads(base64.b64decode(found[1]))
    return {name: _sized(str(drawn[name]), figure) for name, figure in figures.items()}


def pdf_of_svg(program: str, svg: str, target: Path) -> None:
    """Write an SVG of `svgs` as a PDF with one page of its size. Raises `StudyError` if the browser does not print it."""
    size = re.search(r'width="([\d.]+)mm" height="([\d.]+)mm"', svg)
    assert size is not None  # as `_sized` writes it
    pdf_of_page(program, PAGE.format(w=size[1], h=size[2], svg=svg), target)


def pdf_of_page(program: str, content: str, target: Path) -> None:
    """Print an HTML page to a PDF. Raises `StudyError` if the browser does not print it."""
    target.unlink(missing_ok=True)
    _run(program, content, f"--print-to-pdf={target}", "--no-pdf-header-footer")
    if not target.is_file() or not target.read_bytes().startswith(b"%PDF"):
        raise StudyError(f"The browser did not print {target.name}. Print report.html from a browser instead.")


def _sized(svg: str, figure: go.Figure) -> str:
    """An SVG at its width on paper, with the numbers of pixels as its coordinates."""
    width, height = figure.layout.width, figure.layout.height
    head = f'<svg width="{COLUMN_MM}mm" height="{COLUMN_MM * height / width:.2f}mm" viewBox="0 0 {width} {height}"'
    first, rest = svg.split(">", 1)
    kept = re.sub(r'\s(width|height|viewBox)="[^"]*"', "", first.removeprefix("<svg"))
    return f"{head}{kept}>{rest}"


def _run(program: str, content: str, *options: str) -> str:
    """What the browser prints about a page. Raises `StudyError` if it cannot be started, fails, or takes too long."""
    sandbox = (
        ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    )  # Chromium refuses root otherwise
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "page.html"
        page.write_text(content, encoding="utf-8")
        command = [program, *FLAGS, *sandbox, f"--user-data-dir={folder}/profile", *options, page.as_uri()]
        try:
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
            try:
                said, _ = process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise StudyError(f"The browser did not draw within {PATIENCE_S} seconds.") from error
        except OSError as error:
            raise StudyError(f"The browser {program} cannot be started: {error.strerror}.") from error
    if process.returncode:
        raise StudyError(f"The browser {program} could not draw (exit {process.returncode}).")
    return said
