"""Arabic and Hebrew run from right to left on every page: each text takes its direction from its first letter."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import settings as settings_module
from core.study import store as store_module
from core.study import tasks
from core.study.exchange import importing, tables
from core.subjectivity.sessions import campaigns, protocol
from core.subjectivity.sessions.protocol import Protocol
from tests.e2e.walking import PATIENCE, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
PAGES = {
    "overview": "", "data": "data", "prompts": "prompts", "generate": "generate", "inspect": "inspect", "campaigns": "campaigns",
    "train": "train", "analyse": "analyse", "labels": "inspect?inspect.view=Labels",
    "samples": "analyse?analyse.view=Samples",
}  # fmt: skip
STUDY, TASK, QUESTION = "دراسة الرسائل", "المزاج", "كيف يشعر الكاتب؟ (1-2)"
LABELS = {"سعيد": "الكاتب يشعر بالفرح!", "עצוב": "הכותב עצוב (מאוד)."}
TEXTS = ("رسالة رقم {}: يوم جميل، شكرا!", "מכתב מספר {}: הכול השתבש...")
# Text that begins with a right-to-left letter in a block that is laid out from left to right whatever it holds.
WRONG = r"""() => {
  const strong = /[A-Za-z\u00c0-\u024f\u0590-\u08ff]/u, rtl = /[\u0590-\u08ff]/u
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found = { seen: 0, wrong: [] }
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const first = node.textContent.match(strong)
    if (!first || !rtl.test(first[0]) || node.parentElement.closest("script, style, canvas")) continue
    let block = node.parentElement
    while (block.parentElement && getComputedStyle(block).display === "inline") block = block.parentElement
    if (!block.textContent.trim().startsWith(node.textContent.trim())) continue
    found.seen += 1
    const { unicodeBidi, direction, textAlign } = getComputedStyle(block)
    const isFree = unicodeBidi === "plaintext" || direction === "rtl"
    const [said, range] = [node.textContent.trimEnd(), document.createRange()]
    const at = (place) => { range.setStart(node, place); range.setEnd(node, place + 1); return range.getBoundingClientRect() }
    const ends = /[.!?)]/.test(said.at(-1)) && said.length > 2 ? [at(said.length - 1), at(said.length - 2)] : null
    const isTurned = ends && ends[0].top === ends[1].top && ends[0].left > ends[1].left
    if (!isFree || isTurned || textAlign === "left") {
      const place = `${block.tagName} in ${block.closest("[data-testid]")?.dataset.testid}`
      found.wrong.push(`${place}, ${unicodeBidi}, ${textAlign}: ${said.slice(0, 30)}`)
    }
  }
  for (const field of document.querySelectorAll("input, textarea")) {
    const first = field.value.match(strong)
    if (!first || !rtl.test(first[0])) continue
    found.seen += 1
    if (getComputedStyle(field).unicodeBidi !== "plaintext") found.wrong.push(`a field: ${field.value}`)
  }
  return found
}"""

# Whether a text begins at the right edge of the box around it, as far as padding allows.
BEGINS_RIGHT = """(element) => {
  const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
  const range = document.createRange(), node = walk.nextNode()
  range.setStart(node, 0); range.setEnd(node, 1)
  const box = element.closest("button, .st-key-rate_text, .stElementContainer").getBoundingClientRect()
  return box.right - range.getBoundingClientRect().right < 60
}"""


@pytest.fixture
def links(serve: Any, tmp_path: Path) -> dict[str, str]:
    """The pages of a study with all words in Arabic or Hebrew, and the link of its campaign."""
    server = serve()
    store = store_module.open_store(settings_module.load(server.environ))
    path = tmp_path / "letters.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(TEXTS[n % 2].format(n), list(LABELS)[n % 2], "test" if n % 3 == 0 else "train") for n in range(30)]
        csv.writer(file).writerows([("text", "label", "split"), *rows])
    with store.write() as session:
        study = tasks.study_named(session, STUDY)
        task = tasks.make_task(session, study_id=study.id, name=TASK, question=QUESTION, labels=LABELS)
        for arm in ("real", "zero-shot"):
            own = tasks.make_arm(session, task_id=task.id, name=arm)
            importing.bring_in(session, task=task, arm=own, table=tables.read(path), options=importing.Options())
        rules = Protocol(
            consent="تحفظ الإجابات باسم عشوائي.",
            examples=(protocol.Example(text=TEXTS[0].format(0), answer="سعيد", why="الكاتب فرح."),),
            may_skip=True,
            skip_reasons=("لا أفهمه.",),
        )
        plan = campaigns.Plan(name="حملة", task=task, per_class=3, protocol=rules, instructions="اقرأ كل رسالة مرة.")
        campaign = campaigns.make(session, study_id=study.id, plan=plan)
        number, token = campaign.id, campaign.token
    store.close()
    found = {name: f"{server.url}/{path}" for name, path in PAGES.items()}
    views = {"link": "Link and settings", "live": "Live"}
    found |= {
        name: f"{server.url}/campaigns?campaigns.id={number}&campaigns.view={view}" for name, view in views.items()
    }
    return found | {"rate": f"{server.url}/rate?preview={token}"}


@pytest.fixture
def page(browser: "Browser") -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    yield opened
    context.close()


def look(page: "Page", name: str) -> int:
    """The number of right-to-left texts on the page; fails if one runs from left to right."""
    page.wait_for_timeout(700)
    settled(page)
    found = page.evaluate(WRONG)
    assert not found["wrong"], (name, found["wrong"])
    return int(found["seen"])


def test_every_page_lets_a_text_run_its_own_way(page: "Page", links: dict[str, str]) -> None:
    seen = {}
    for name, address in links.items():
        if name == "rate":
            continue
        page.goto(address)
        page.get_by_role("heading", level=1).first.wait_for()
        page.wait_for_timeout(800)
        for summary in page.locator("summary").all():
            summary.click()
        seen[name] = look(page, name)
        if name == "data":
            page.get_by_role("combobox").first.click()
            page.get_by_role("option").first.wait_for()
            look(page, "a list")

    assert all(count > 0 for count in seen.values()), seen


def test_a_rater_s_way_lets_a_text_run_its_own_way(page: "Page", links: dict[str, str]) -> None:
    page.goto(links["rate"])
    page.get_by_role("button", name="I agree, start").click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    assert look(page, "instructions") >= 5
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("0 of ").wait_for()
    assert look(page, "item") >= 4
    for text in page.locator(
        ".st-key-rate_item h1, .st-key-rate_text [data-testid=stText], .st-key-rate_answers strong"
    ).all():
        assert text.evaluate(BEGINS_RIGHT), text.inner_text()
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("dialog").wait_for()
    assert look(page, "dialog") >= 4
