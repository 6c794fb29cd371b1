"""A rater without a browser: a real websocket session with the dashboard, in which buttons are clicked as a browser would.

`Tab` keeps what Streamlit's own page keeps: the elements by their place, the address, the widgets' values, the hashes of
messages it has, and the id of its session. `Rater` knows the way through the rating page.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from yarl import URL

PATIENCE_S = 60.0
XSRF_COOKIE = "_streamlit_xsrf"
PROGRESS = re.compile(r"(\d+) of (\d+)")
START, READ, CHECK, ANSWER, UNDO = "rate.consent", "rate.read_it", "rate.check.go", "rate.answer.", "rate.undo."
THANKS = "Thank you"
T = TypeVar("T")


class Gone(Exception):
    """The server closed the connection, or is not there."""


@dataclass(frozen=True)
class Shown:
    """An element on the page: which run of the script put it there, and the fragment it belongs to, if any."""

    element: Element
    run: str
    fragment: str


@dataclass(frozen=True)
class Button:
    """`key` is the name given in the page's code; empty when none was."""

    id: str
    key: str
    label: str
    fragment: str
    disabled: bool


@dataclass
class Tab:
    """One page of the dashboard in one browser, which keeps its cookies in `http`.

    `origin`: the site that the browser shows, if a proxy makes it another than `url`.
    """

    http: aiohttp.ClientSession
    url: str
    path: str = ""
    query: str = ""
    origin: str = ""
    elements: dict[tuple[int, ...], Shown] = field(default_factory=dict)
    is_running: bool = False
    runs_finished: int = 0
    bytes_received: int = 0
    timers: set[str] = field(default_factory=set)
    _socket: "aiohttp.ClientWebSocketResponse | None" = None
    _reading: "asyncio.Task[None] | None" = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _run: str = ""
    _page: str = ""
    _session_id: str = ""
    _values: dict[str, WidgetState] = field(default_factory=dict)
    _known: dict[str, ForwardMsg] = field(default_factory=dict)

    async def open(self) -> None:
        """Load the page as a browser does, connect, and wait until it has been drawn. Raises `Gone` without a server."""
        await self._load()
        await self.connect()

    async def connect(self) -> None:
        """Connect (again, with the id of the session if there was one) and ask for a first run."""
        await self.close()
        cookie = self.http.cookie_jar.filter_cookies(URL(self.url)).get(XSRF_COOKIE)
        protocols = ["streamlit", cookie.value if cookie else "none", *filter(None, [self._session_id])]
        try:
            self._socket = await self.http.ws_connect(
                f"{self.url}/_stcore/stream",
                protocols=protocols,
                origin=self.origin or self.url,
                compress=0,
                max_msg_size=0,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise Gone(str(error)) from error
        self._reading = asyncio.create_task(self._read(self._socket))
        runs = self.runs_finished
        await self._send(self._rerun())
        await self.until(lambda: self.runs_finished > runs and not self.is_running or None)

    async def close(self) -> None:
        used = None if self._socket is None else self._socket.get_extra_info("socket")
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await asyncio.wait([self._reading])
        self._socket = self._reading = None
        turns = 100
        while used is not None and used.fileno() >= 0 and (turns := turns - 1):  # it closes in a later turn of the loop
            await asyncio.sleep(0.01)

    async def until(self, found: Callable[[], T | None], *, patience_s: float = PATIENCE_S) -> T:
        """What `found` gives, as soon as it gives something: asked again after every message.

        Raises `TimeoutError` after `patience_s`, `Gone` when the connection ends first.
        """
        async with asyncio.timeout(patience_s):
            while (result := found()) is None:
                if self._reading is None or self._reading.done():
                    raise Gone("the connection has ended")
                self._changed.clear()
                await self._changed.wait()
        return result

    async def settled(self) -> None:
        """Wait until no run is under way."""
        await self.until(lambda: True if not self.is_running else None)

    async def click(self, button: Button) -> float:
        """Send a click and give the time (`time.perf_counter`) at which it was sent."""
        message = self._rerun(clicked=button)
        sent = time.perf_counter()
        await self._send(message)
        return sent

    async def rerun(self) -> None:
        """Ask for a run of the page."""
        await self._send(self._rerun())

    async def choose(self, label: str, option: str) -> None:
        """Choose an option of the radio or select box with this label."""
        shown, element = self._widget(label, "radio", "selectbox")
        await self._give(WidgetState(id=element.id, string_value=option), shown)

    async def tick(self, label: str, *, value: bool = True) -> None:
        shown, element = self._widget(label, "checkbox")
        await self._give(WidgetState(id=element.id, bool_value=value), shown)

    async def fill(self, label: str, text: str) -> None:
        shown, element = self._widget(label, "text_input", "text_area")
        await self._give(WidgetState(id=element.id, string_value=text), shown)

    async def pass_time(self) -> None:
        """Ask for a run of each fragment that the page draws again by itself, as a browser does when its time has come."""
        for fragment in sorted(self.timers):
            await self._send(self._rerun(fragment=fragment))

    def buttons(self) -> list[Button]:
        """The buttons on the page, from top to bottom."""
        found = [(shown, shown.element.button) for shown in self._of("button")]
        return [
            Button(
                id=button.id,
                key=button.id.split("-", 2)[2] if button.id.count("-") >= 2 else "",
                label=button.label,
                fragment=shown.fragment,
                disabled=button.disabled,
            )
            for shown, button in found
        ]

    def button(self, words: str) -> Button | None:
        """The first button that can be pressed whose key starts with these words or whose label holds them."""
        return next(
            (
                button
                for button in self.buttons()
                if not button.disabled and (button.key.startswith(words) or words in button.label)
            ),
            None,
        )

    def texts(self) -> list[str]:
        """Everything written on the page outside widgets, from top to bottom."""
        return [words for shown in self._of() if (words := _words(shown.element))]

    def errors(self) -> list[str]:
        return [words for shown in self._of("alert", "exception") if (words := _words(shown.element))]

    def parameter(self, name: str) -> str:
        """A parameter of the page's address; empty when it is not there."""
        return parse_qs(self.query).get(name, [""])[0]

    def _of(self, *kinds: str) -> list[Shown]:
        places = sorted(self.elements)
        return [
            self.elements[place]
            for place in places
            if not kinds or self.elements[place].element.WhichOneof("type") in kinds
        ]

    def _widget(self, label: str, *kinds: str) -> tuple[Shown, Any]:
        for shown in self._of(*kinds):
            element = getattr(shown.element, str(shown.element.WhichOneof("type")))
            if label in element.label:
                return shown, element
        raise LookupError(f"no {' or '.join(kinds)} with the label {label!r} is on the page")

    async def _give(self, value: WidgetState, shown: Shown) -> None:
        """Keep a widget's value; outside a form the page runs again at once."""
        self._values[value.id] = value
        if getattr(shown.element, str(shown.element.WhichOneof("type"))).form_id:
            return
        runs = self.runs_finished
        await self._send(self._rerun(fragment=shown.fragment))
        await self.until(lambda: self.runs_finished > runs and not self.is_running or None)

    def _rerun(self, *, clicked: Button | None = None, fragment: str = "") -> BackMsg:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        if self._page:
            state.page_script_hash = self._page
        else:
            state.page_name = self.path
        state.widget_states.widgets.extend(self._values.values())
        if clicked is not None:
            state.widget_states.widgets.append(WidgetState(id=clicked.id, trigger_value=True))
        state.fragment_id = clicked.fragment if clicked is not None else fragment
        state.cached_message_hashes.extend(self._known)
        state.context_info.url = f"{self.url}/{self.path}"
        state.context_info.timezone = "UTC"
        state.context_info.locale = "en-GB"
        return message

    async def _send(self, message: BackMsg) -> None:
        if self._socket is None:
            raise Gone("there is no connection")
        try:
            await self._socket.send_bytes(message.SerializeToString())
        except (aiohttp.ClientError, OSError) as error:
            raise Gone(str(error)) from error

    async def _load(self) -> None:
        try:
            for address in (f"{self.path}?{self.query}", "_stcore/health", "_stcore/host-config"):
                async with self.http.get(f"{self.url}/{address}") as answer:
                    await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise Gone(str(error)) from error

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for frame in socket:
                if frame.type == aiohttp.WSMsgType.BINARY:
                    self.bytes_received += len(frame.data)
                    self._take(ForwardMsg.FromString(frame.data))
                    self._changed.set()
        finally:
            self._changed.set()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            known = ForwardMsg()
            known.CopyFrom(self._known[message.ref_hash])
            known.metadata.CopyFrom(message.metadata)
            message, kind = known, known.WhichOneof("type")
        elif message.metadata.cacheable:
            self._known[message.hash] = message
        if kind == "new_session":
            self._run, self.is_running = message.metadata.run.script_run_id, True
            self._page = message.new_session.page_script_hash
            if message.new_session.HasField("initialize"):
                self._session_id = message.new_session.initialize.session_id
            if not message.metadata.run.fragment_ids:
                self.timers.clear()
        elif kind == "auto_rerun":
            self.timers.add(message.auto_rerun.fragment_id)
        elif kind == "navigation":
            self._page = message.navigation.page_script_hash or self._page
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta":
            self._draw(tuple(message.metadata.delta_path), message)
        elif kind == "script_finished":
            self._finish(message)

    def _draw(self, place: tuple[int, ...], message: ForwardMsg) -> None:
        """A new element takes the place of what was there and below; a block leaves room for what comes below it."""
        if message.delta.WhichOneof("type") == "add_block":
            self.elements.pop(place, None)
            return
        if message.delta.WhichOneof("type") != "new_element":
            return
        for below in [other for other in self.elements if other[: len(place)] == place]:
            del self.elements[below]
        self.elements[place] = Shown(message.delta.new_element, self._run, message.delta.fragment_id)

    def _finish(self, message: ForwardMsg) -> None:
        """What a complete run has not drawn again is taken off the page: all of it, or that of the fragments that ran."""
        status = message.script_finished
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        fragments = set(message.metadata.run.fragment_ids)
        for place, shown in list(self.elements.items()):
            if shown.run != self._run and (not fragments or shown.fragment in fragments):
                del self.elements[place]
        present = {shown.element.WhichOneof("type") and _id(shown.element) for shown in self.elements.values()}
        self._values = {key: value for key, value in self._values.items() if key in present}
        self.is_running = False
        self.runs_finished += 1


@dataclass(frozen=True)
class Click:
    """One answer: the item's place in this rater's way, the key of the button, and the times of sending and of seeing."""

    number: int
    key: str
    sent: float
    seen: float

    @property
    def seconds(self) -> float:
        return self.seen - self.sent


class Rater:
    """Someone with a link: consent, check, then items, one answer each. Use as `async with Rater(link) as rater`.

    `acknowledged` is the highest number of answers the page has shown as stored. `browser` keeps the cookies; by default a
    new one.
    """

    def __init__(self, link: str, browser: aiohttp.ClientSession | None = None) -> None:
        parts = urlsplit(link)
        origin, (path, _, page) = f"{parts.scheme}://{parts.netloc}", parts.path.rpartition("/")
        self.acknowledged = 0
        self._http = browser or aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.tab = Tab(self._http, f"{origin}{path}", page, parts.query, origin=origin)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.tab.close()
        await self._http.close()

    @property
    def code(self) -> str:
        """The personal code in the address, with which this rater comes back."""
        return self.tab.parameter("me")

    @property
    def progress(self) -> tuple[int, int] | None:
        """(answers stored, items in all) as the page shows it."""
        for shown in self.tab.elements.values():
            found = PROGRESS.search(shown.element.progress.text) if shown.element.HasField("progress") else None
            if found:
                self.acknowledged = max(self.acknowledged, int(found[1]))
                return int(found[1]), int(found[2])
        return None

    @property
    def is_done(self) -> bool:
        return any(words.startswith(THANKS) for words in self.tab.texts())

    def answers(self) -> list[Button]:
        """The buttons of the item on the screen."""
        return [button for button in self.tab.buttons() if button.key.startswith(ANSWER)]

    async def come(self, check: Mapping[str, str] | None = None) -> None:
        """Open the link, agree, read, and pass the check; afterwards the first item, or the end, is on the screen.

        `check` has the option to choose for each question of the comprehension check, by the question's words.
        """
        await self.tab.open()
        await self._press(START)
        await self._press(READ)
        if self.tab.button(CHECK) is not None:
            for question, option in (check or {}).items():
                await self.tab.choose(question, option)
            await self._press(CHECK)
        await self.tab.until(lambda: self.progress or self.is_done or None)

    async def _press(self, key: str) -> None:
        """Press this button if it is there, and wait until it is gone."""
        if (button := self.tab.button(key)) is None:
            return
        await self.tab.click(button)
        await self.tab.until(lambda: None if self.tab.is_running or self.tab.button(key) else True)

    async def answer(self, place: int = 0) -> Click:
        """Press one of the item's buttons and wait until the next item, or the thanks, is on the screen."""
        before = self.progress
        if before is None:
            raise LookupError("no item is on the screen")
        button = self.answers()[place]
        sent = await self.tab.click(button)
        await self.tab.until(lambda: True if self._is_past(before[0]) else None)
        seen = time.perf_counter()
        await self.tab.settled()
        return Click(before[0], button.key, sent, seen)

    def _is_past(self, number: int) -> bool:
        progress = self.progress
        if progress is not None and progress[0] > number:
            return True
        return self.is_done


def link(url: str, token: str, code: str = "") -> str:
    """The address that a rater opens; with a personal code the one a rater comes back to."""
    return f"{url}/rate?{urlencode({'campaign': token} | ({'me': code} if code else {}))}"


def _words(element: Element) -> str:
    kind = element.WhichOneof("type")
    if kind in ("text", "markdown", "alert", "heading", "html"):
        return str(getattr(element, kind).body)
    if kind == "code":
        return element.code.code_text
    if kind == "progress":
        return element.progress.text
    if kind == "exception":
        return f"{element.exception.type}: {element.exception.message}"
    return ""


def _id(element: Element) -> str:
    return str(getattr(getattr(element, str(element.WhichOneof("type"))), "id", ""))
