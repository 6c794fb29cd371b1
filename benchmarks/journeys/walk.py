"""A walk in a browser that counts clicks and seconds, keeps what went wrong, and takes pictures of every step."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

from tests.e2e.walking import settled

PATIENCE_MS = 60_000
LOOKS: dict[str, dict[str, Any]] = {
    "1280-light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "1280-dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "1920-light": {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "light"},
    "360-light": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}


@dataclass
class Step:
    """What was done up to a picture: `seconds` in hand without the pictures, of which `waiting` for work of the machine."""

    name: str
    clicks: int
    seconds: float
    waiting: float


@dataclass
class Walk:
    """A person's walk. `clicks`: since the last picture. `outside`: requests to other machines. `errors`: of the browser's console."""

    person: str
    browser: Browser
    url: str
    pictures: Path
    look: str = "1280-light"
    steps: list[Step] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    clicks: int = 0
    page: Page = field(init=False)
    _waiting: float = 0.0
    _began: float = 0.0

    def __post_init__(self) -> None:
        self.page = self.opened(**LOOKS[self.look])
        self.pictures.mkdir(parents=True, exist_ok=True)

    def opened(self, **size: Any) -> Page:
        """A page of a new browser, whose errors and foreign requests are kept."""
        page = self.browser.new_context(**size).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda asked: None if self._is_ours(asked.url) else self.outside.append(asked.url))
        return page

    def _is_ours(self, url: str) -> bool:
        return url.startswith((self.url, self.url.replace("http", "ws", 1), "data:", "blob:"))

    def begin(self, path: str = "") -> None:
        """Open the dashboard; the clock of the walk starts."""
        self._began = time.monotonic()
        self.page.goto(f"{self.url}/{path}")
        self.page.get_by_role("heading", level=1).first.wait_for()
        settled(self.page)

    def press(self, what: Locator | str, *, role: Any = "button") -> None:
        """Click, once the page stands still: one click."""
        settled(self.page)
        found = self.page.get_by_role(role, name=what, exact=True).first if isinstance(what, str) else what
        found.click()
        self.clicks += 1

    def write(self, label: str, text: str) -> None:
        """Write into a field and leave it: one click."""
        box = self.page.get_by_label(label, exact=True).first
        box.fill(text)
        box.press("Enter")
        self.clicks += 1

    def give(self, path: Path) -> None:
        """Choose a file: one click."""
        self.page.locator("input[type=file]").first.set_input_files(path)
        self.clicks += 1

    def go(self, name: str, heading: str) -> None:
        """Follow the button of the next step: one click."""
        self.press(f"Go to {name}")
        self.page.get_by_role("heading", name=heading, level=1).wait_for()
        settled(self.page)

    def visit(self, name: str) -> None:
        """Open a page from the list at the side: one click."""
        self.press(self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=False).first)
        self.page.get_by_role("heading", level=1).first.wait_for()
        settled(self.page)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time in which the person can only wait."""
        began = time.monotonic()
        yield
        self._waiting += time.monotonic() - began

    def see(self, name: str, *, looks: bool = True) -> None:
        """End a step: note it, and take its pictures, with `looks` in the other looks too; they cost the person no time."""
        self._drawn(self.page)
        now = time.monotonic()
        step = Step(name, self.clicks, now - self._began, self._waiting)
        self.steps.append(step)
        stem = f"{self.person}-{len(self.steps):02}"
        self.page.screenshot(path=self.pictures / f"{stem}-{self.look}.png")
        for look, size in LOOKS.items() if looks else ():
            if look != self.look:
                self._picture(self.pictures / f"{stem}-{look}.png", size)
        self.clicks, self._waiting, self._began = 0, 0.0, time.monotonic()
        print(
            f"  {step.name:46} {step.clicks:3} clicks {step.seconds:7.1f} s, of these {step.waiting:6.1f} waiting",
            flush=True,
        )

    def _drawn(self, page: Page) -> None:
        """Wait until a page stands still and none of its parts is still being drawn."""
        settled(page)
        page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')")

    def _picture(self, path: Path, size: dict[str, Any]) -> None:
        page = self.opened(**size)
        page.goto(self.page.url)
        page.get_by_role("heading", level=1).first.wait_for()
        self._drawn(page)
        page.screenshot(path=path)
        page.context.close()

    def end(self) -> None:
        """Print the sums and close the browser."""
        clicks, seconds, waited = (
            sum(getattr(step, name) for step in self.steps) for name in ("clicks", "seconds", "waiting")
        )
        print(f"{self.person}: {clicks} clicks, {seconds:.0f} s, {waited:.0f} of them waiting; "
              f"{len(self.errors)} errors in the console, {len(self.outside)} foreign requests")  # fmt: skip
        for said in [*self.errors[:5], *self.outside[:5]]:
            print(f"  {said}")
        self.page.context.close()
