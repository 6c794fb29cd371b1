"""Many raters in real websocket sessions, without a browser: the server is killed while they click, and double clicks."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks import raters
from core import settings as settings_module
from core.settings import Settings
from core.study import store as store_module
from core.study.rows.sessions import Rater as RaterRow
from core.study.rows.sessions import Rating
from tests.websocket_rater import UNDO, Button, Gone, Rater, link

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RATERS, ITEMS = 20, 12
APART_S, SETTLED_S = (0, 0.003, 0.006, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1), 1.0


@dataclass
class Way:
    """The answers acknowledged on a rater's screen before the server was killed, and the item shown last."""

    code: str
    acknowledged: int
    answered: list[str] = field(default_factory=list)
    shown: str = ""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load({"LITMUS_HOME": str(tmp_path / "home")})


@pytest.fixture
def token(settings: Settings) -> str:
    return raters.campaign(settings, n=RATERS * ITEMS // 2, items_per_rater=ITEMS)


def answers(settings: Settings) -> dict[str, list[str]]:
    """The items each rater has answered, in order: personal code -> item ids."""
    store = store_module.open_store(settings)
    with store() as session:
        codes = {rater.id: rater.code for rater in session.query(RaterRow)}
        found: dict[str, list[str]] = {code: [] for code in codes.values()}
        for rating in session.query(Rating).order_by(Rating.id):
            found[codes[rating.rater_id]].append(str(rating.item_id))
    store.close()
    return found


def item_of(rater: Rater) -> str:
    """The id of the item on the screen."""
    return rater.answers()[0].key.split(".")[2]


async def click_until_killed(address: str, came: asyncio.Queue[None], way: Way, seed: int) -> None:
    rng = random.Random(seed)
    async with Rater(address) as rater:
        await rater.come()
        way.code = rater.code
        await came.put(None)
        try:
            while not rater.is_done:
                way.shown = item_of(rater)
                await asyncio.sleep(rng.uniform(0, 0.5))
                await rater.answer(rng.randrange(2))
                way.answered.append(way.shown)
                way.acknowledged = rater.acknowledged
        except Gone:
            return


async def until_killed(server: Any, token: str) -> list[Way]:
    """Twenty raters click; a third of the way through all their items the server is killed with -9."""
    ways = [Way("", 0) for _ in range(RATERS)]
    came: asyncio.Queue[None] = asyncio.Queue()
    tasks = [
        asyncio.create_task(click_until_killed(link(server.url, token), came, way, seed))
        for seed, way in enumerate(ways)
    ]
    for _ in ways:
        await came.get()
    while sum(way.acknowledged for way in ways) < RATERS * ITEMS // 3:
        await asyncio.sleep(0.05)
    server.kill()
    await asyncio.gather(*tasks)
    return ways


async def finish(server: Any, token: str, way: Way) -> tuple[int, str]:
    """Come back by personal code and answer the remaining items; the progress and the item shown on return."""
    async with Rater(link(server.url, token, way.code)) as rater:
        await rater.come()
        assert rater.code == way.code
        found = (rater.progress or (ITEMS, ITEMS))[0], "" if rater.is_done else item_of(rater)
        while not rater.is_done:
            await rater.answer()
        return found


def test_what_twenty_raters_saw_acknowledged_outlives_a_killed_server(
    serve: Any, settings: Settings, token: str
) -> None:
    server = serve()

    ways = asyncio.run(until_killed(server, token))
    kept = answers(settings)

    assert any(len(way.answered) < ITEMS for way in ways)
    for way in ways:
        assert way.answered == kept[way.code][: len(way.answered)]
        assert way.acknowledged <= len(kept[way.code]) <= way.acknowledged + 1
        assert len(set(kept[way.code])) == len(kept[way.code])


def test_after_a_killed_server_every_rater_goes_on_where_they_were(serve: Any, settings: Settings, token: str) -> None:
    server = serve()
    ways = asyncio.run(until_killed(server, token))
    kept = answers(settings)

    async def all_come_back() -> list[tuple[int, str]]:
        return await asyncio.gather(*(finish(server, token, way) for way in ways))

    server.start()
    back = asyncio.run(all_come_back())

    for way, (progress, item) in zip(ways, back, strict=True):
        assert progress == len(kept[way.code])
        assert item not in kept[way.code]
        if progress == way.acknowledged < ITEMS:
            assert item == way.shown
    ended = answers(settings)
    assert {len(items) for items in ended.values()} == {ITEMS}
    assert all(len(set(items)) == ITEMS for items in ended.values())
    assert max(Counter(item for items in ended.values() for item in items).values()) <= raters.RATERS_PER_ITEM


def test_an_open_page_goes_on_by_itself_when_the_server_is_back(serve: Any, settings: Settings, token: str) -> None:
    server = serve()

    async def through() -> tuple[int, int]:
        async with Rater(link(server.url, token)) as rater:
            await rater.come()
            for _ in range(3):
                await rater.answer()
            server.kill()
            server.start()
            await rater.tab.connect()
            back = rater.progress
            await rater.answer()
            return (back or (0, 0))[0], rater.acknowledged

    assert asyncio.run(through()) == (3, 4)
    assert [len(items) for items in answers(settings).values()] == [4]


async def press_twice(rater: Rater, button: Button | None, apart_s: float) -> None:
    """Click the same button twice; the second click may come after the page has moved on."""
    assert button is not None
    await rater.tab.click(button)
    await asyncio.sleep(apart_s)
    await rater.tab.click(button)
    await asyncio.sleep(SETTLED_S)
    await rater.tab.settled()


def test_two_clicks_on_one_button_store_one_rating(serve: Any, settings: Settings, token: str) -> None:
    server = serve()

    async def in_a_hurry() -> tuple[list[int], list[str]]:
        progress, items = [], []
        async with Rater(link(server.url, token)) as rater:
            await rater.come()
            for apart_s in APART_S:
                items.append(item_of(rater))
                await press_twice(rater, rater.answers()[0], apart_s)
                progress.append((rater.progress or (0, 0))[0])
        return progress, items

    progress, items = asyncio.run(in_a_hurry())

    assert progress == list(range(1, len(APART_S) + 1))
    assert list(answers(settings).values()) == [items]


def test_two_clicks_on_undo_take_one_answer_back(serve: Any, settings: Settings, token: str) -> None:
    server = serve()

    async def in_a_hurry() -> list[int]:
        progress = []
        async with Rater(link(server.url, token)) as rater:
            await rater.come()
            for _ in APART_S:
                await rater.answer()
            for apart_s in APART_S:
                await press_twice(rater, rater.tab.button(UNDO), apart_s)
                progress.append((rater.progress or (0, 0))[0])
        return progress

    assert asyncio.run(in_a_hurry()) == list(range(len(APART_S)))[::-1]
    assert list(answers(settings).values()) == [[]]
