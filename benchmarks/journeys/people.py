"""What each of five people does, from an empty home: newcomer, practitioner, presenter, rater, researcher with ten tasks."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from playwright.sync_api import Browser, expect

from benchmarks.journeys.walk import Walk
from core.study.rows.kinds import CampaignKind
from core.subjectivity.sessions.protocol import default_check
from tests.e2e.conftest import ROOT, Server
from tests.e2e.walking import PHONE, READING, connect, pass_check, real_file
from tests.llm_server import LlmServer

LONG_MS = 40 * 60_000
GAP = re.compile(r"points (lost|gained)|\d+ points")
ITEMS = 20


def newcomer(browser: Browser, folder: Path, pictures: Path) -> Walk:
    """Opens it, opens the finished sample study, looks at its finding, texts and verdict, then runs the study anew until its first
    finding."""
    server = _server(folder)
    walk = Walk("newcomer", browser, server.url, pictures)
    walk.begin()
    walk.see("first screen")
    walk.press("Open a finished sample study")
    with walk.waiting():
        walk.page.locator(".js-plotly-plot").first.wait_for(timeout=LONG_MS)
    walk.see("first finding")
    walk.visit("Verdict")
    walk.see("first verdict")
    walk.visit("Inspect")
    walk.see("reads texts")
    walk.visit("Overview")
    walk.press("Another study")
    walk.press("Run the sample study yourself")
    with walk.waiting():
        expect(walk.page.get_by_test_id("stMetric").filter(has_text="Synthetic texts")).to_contain_text(
            re.compile("[1-9]00")
        )
    walk.see("its own run: texts are there")
    with walk.waiting():
        walk.page.locator(".js-plotly-plot").first.wait_for(timeout=LONG_MS)
    walk.see("its own run: first finding")
    return _ended(walk, server)


def practitioner(browser: Browser, folder: Path, pictures: Path, *, texts: Path) -> Walk:
    """Has one table of labelled texts and a model's address; wants to know whether to collect or to generate."""
    with LlmServer(latency=0.05, seed=1, models=["tester"]) as llm:
        server = _server(folder, OPENAI_BASE_URL=llm.url, OPENAI_API_KEY="none")
        walk = Walk("practitioner", browser, server.url, pictures)
        page = walk.page
        walk.begin()
        walk.write("Name of the study", "my-texts")
        page.get_by_role("heading", name="Tasks and data", level=1).wait_for()
        walk.see("a study of one's own")
        walk.give(texts)
        page.get_by_label("What a labeller is asked").wait_for()
        walk.write("What a labeller is asked", "Which label fits the text?")
        walk.see("what was found in the file", looks=False)
        walk.press("Import")
        page.get_by_text(re.compile("rows kept")).first.wait_for()
        walk.see("the texts are in")
        walk.go("Prompt", "Prompts")
        walk.press("Save as a new version")
        page.get_by_text("Version 1 of").first.wait_for()
        walk.see("prompt kept")
        walk.go("LLM texts", "Generate")
        connect(page, model="tester")
        page.get_by_text("Connected to tester").wait_for()
        walk.clicks += 2
        walk.see("connected", looks=False)
        walk.press(page.get_by_role("button", name=re.compile("^Generate .* texts$")))
        with walk.waiting():
            page.get_by_text("Newest samples").wait_for()
            page.get_by_role("button", name="Go to Training").wait_for(timeout=LONG_MS)
        walk.see("texts written")
        walk.go("Training", "Train")
        walk.see("estimate of the training")
        walk.press("Queue the runs")
        with walk.waiting():
            page.get_by_text(re.compile("Read the verdict")).wait_for(timeout=LONG_MS)
        walk.see("training done")
        walk.go("Verdict", "Verdict")
        page.get_by_text(GAP).first.wait_for()
        walk.see("verdict")
        walk.press("Share a report")
        page.get_by_role("heading", name="Report", level=1).wait_for()
        walk.see("something to show a colleague")
        return _ended(walk, server)


def presenter(browser: Browser, folder: Path, pictures: Path) -> Walk:
    """Shows a finished study to a room, lets the room rate, and sees the numbers move; the study was run the day before."""
    _command(folder, "demo", "--finished")
    server = _server(folder)
    walk = Walk("presenter", browser, server.url, pictures, look="1920-light")
    page = walk.page
    walk.begin("campaigns?study=finished-sample")
    walk.press(page.get_by_test_id("stMain").get_by_text("New campaign"))
    walk.write("Name", "the room")
    walk.press("Make the campaign")
    link = page.get_by_test_id("stCode").filter(has_text="/rate?campaign=").first.inner_text().strip()
    walk.see("a campaign for the room")
    walk.visit("Present")
    walk.see("slide: question")
    for slide in ("Rating", "Result", "Verdict"):
        page.keyboard.press("ArrowRight")
        walk.clicks += 1
        page.get_by_text(f"{slide}, ").wait_for()
        if slide == "Rating":
            before = page.get_by_test_id("stMetric").filter(has_text="Answers").inner_text()
            with walk.waiting():
                _rate(walk, link, items=3)
                expect(page.get_by_test_id("stMetric").filter(has_text="Answers")).not_to_have_text(before)
        walk.see(f"slide: {slide.lower()}")
    return _ended(walk, server)


def rater(browser: Browser, folder: Path, pictures: Path) -> Walk:
    """Opens a link on a phone and rates twenty texts."""
    _command(folder, "import", real_file(folder), "--task", "mood", "--arm", "real", "--study", "letters")
    server = _server(folder)
    maker = Walk("organiser", browser, server.url, pictures)
    maker.begin("campaigns?study=letters")
    maker.write("Name", "twenty")
    maker.write("Items per rater", str(ITEMS))
    maker.press("Make the campaign")
    link = maker.page.get_by_test_id("stCode").filter(has_text="/rate?campaign=").first.inner_text().strip()
    maker.page.context.close()
    walk = Walk("rater", browser, server.url, pictures, look="360-light")
    walk.page.context.close()
    walk.page = walk.opened(**PHONE)
    walk.begin(link.removeprefix(f"{server.url}/"))
    walk.see("invitation", looks=False)
    _begin(walk)
    walk.see("first text", looks=False)
    for number in range(ITEMS):
        _answer(walk, number, total=ITEMS)
        if number == ITEMS // 2:
            walk.see("in the middle", looks=False)
    walk.page.get_by_role("heading", name="Thank you").wait_for()
    walk.see("thank you", looks=False)
    return _ended(walk, server)


def researcher(browser: Browser, folder: Path, pictures: Path, *, tables: list[Path]) -> Walk:
    """Has ten tasks and a study file: starts it in a terminal, watches the grid, reads the regression, takes the pack home."""
    with LlmServer(latency=0.05, seed=1, models=["tester"]) as llm:
        server = _server(folder, OPENAI_BASE_URL=llm.url, OPENAI_API_KEY="none")
        study = _ten(folder, tables, url=llm.url)
        running = subprocess.Popen(
            [sys.executable, "-m", "core", "run", str(study)], cwd=ROOT, env=server.environ,
            stdout=(folder / "run.log").open("wb"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        walk = Walk("researcher", browser, server.url, pictures, look="1920-light")
        page = walk.page
        with walk.waiting():
            walk.begin()
            page.get_by_text("has come in.").or_(page.get_by_role("heading", name="ten", exact=True)).first.wait_for(
                timeout=LONG_MS
            )
        if page.get_by_role("button", name="Open it").count():
            walk.press("Open it")
        page.get_by_role("heading", name="ten", exact=True).wait_for(timeout=LONG_MS)
        walk.see("the study begins")
        walk.visit("Train")
        with walk.waiting():
            page.get_by_text(re.compile(r"runs planned: .*\d+ done")).wait_for(timeout=LONG_MS)
        walk.see("the grid fills")
        with walk.waiting():
            code = running.wait(timeout=LONG_MS / 1000)
        if code:
            raise RuntimeError((folder / "run.log").read_text(encoding="utf-8")[-2000:])
        walk.visit("Analyse")
        page.locator(".js-plotly-plot").first.wait_for(timeout=LONG_MS)
        walk.see("gaps of ten tasks")
        walk.visit("Report")
        walk.press("Build the pack")
        with walk.waiting():
            page.get_by_role("button", name="Tables for LaTeX").wait_for(timeout=LONG_MS)
        walk.see("tables and figures for a paper")
        return _ended(walk, server)


def _server(folder: Path, **environ: str) -> Server:
    server = Server(folder / "home", {"LITMUS_LOCAL_SERVERS": "none", **environ})
    server.start()
    return server


def _ended(walk: Walk, server: Server) -> Walk:
    server.end()
    if "Traceback" in server.log.read_text(encoding="utf-8"):
        walk.errors.append(f"a traceback in {server.log}")
    walk.end()
    return walk


def _command(folder: Path, *words: object) -> None:
    """Run a command in the home of a walk before it begins."""
    environ = {**os.environ, "LITMUS_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "core", *map(str, words)]
    subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)


def _ten(folder: Path, tables: list[Path], *, url: str) -> Path:
    """A study file over tables of texts and labels, at most 60 texts a label, whose arms a model at `url` writes."""
    found = {}
    for path in tables:
        texts = pd.read_csv(path)[["text", "label"]].dropna()
        some = texts.groupby("label").head(60)
        own = folder / path.name
        some.to_csv(own, index=False)
        written = {"per_label": 10, "provider": "openai", "base_url": url, "model": "tester"}
        found[path.stem.split(".")[0]] = {
            "question": "Which label fits the text?", "labels": sorted(map(str, some["label"].unique())),
            "real": {"file": path.name}, "arms": {"zero-shot": {"generate": written}}, "train_size": 20,
        }  # fmt: skip
    study = {"study": "ten", "seeds": [0], "training": {"steps": 5, "batch_size": 8, "max_length": 32}, "tasks": found}
    made = folder / "ten.yaml"
    made.write_text(json.dumps(study), encoding="utf-8")  # JSON is YAML
    return made


def _rate(walk: Walk, link: str, *, items: int) -> None:
    """Rate some items on a phone of its own."""
    other = walk.opened(**PHONE)
    there, walk.page = walk.page, other
    other.goto(link)
    _begin(walk)
    for number in range(items):
        _answer(walk, number, total=None)
    other.context.close()
    walk.page = there


def _begin(walk: Walk) -> None:
    walk.page.get_by_role("button", name="I agree, start").tap()
    walk.page.get_by_role("button", name="Go on to a short check").tap()
    pass_check(walk.page, default_check(CampaignKind.LABEL))
    walk.clicks += 2 + len(default_check(CampaignKind.LABEL)) + 1
    walk.page.get_by_text(re.compile("0 of \\d+ done")).wait_for()


def _answer(walk: Walk, number: int, *, total: int | None) -> None:
    """Answer one item with its first label, after the time in which answers take no pointer."""
    page = walk.page
    page.get_by_text(re.compile(f"^{number} of {total or r'[0-9]+'} done")).wait_for()
    page.wait_for_timeout(READING)
    page.locator(".st-key-rate_answers button").first.tap()
    walk.clicks += 1


PEOPLE: dict[str, Callable[..., Walk]] = {
    "newcomer": newcomer, "practitioner": practitioner, "presenter": presenter, "rater": rater, "researcher": researcher,
}  # fmt: skip
