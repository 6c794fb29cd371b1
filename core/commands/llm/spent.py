"""The command spent: what a study has cost, holds in batches and may have lost, by way of spending."""

from typing import Any

import typer
from sqlalchemy.orm import Session

from core.commands import output
from core.llm.money import committed
from core.llm.money.committed import Committed, Way
from core.steps import find
from core.study.rows.sessions import Campaign
from core.study.rows.study import Arm, Task

SUMS = ("stored_usd", "held_usd", "lost_usd", "most_usd")


def register(app: typer.Typer) -> None:
    """Add the command spent to the program."""
    app.command("spent")(spent)


def spent(study: output.StudyName = None, as_json: output.Json = False) -> None:
    """Show what a study has cost: stored answers, batches under way, and calls whose answer never arrived."""
    with output.opened() as (_settings, store), store() as session:
        home = find.only_study(session, study)
        rows = [_row(session, money) for money in committed.of_study(session, home.id)]
    total = {name: _sum([row[name] for row in rows]) for name in SUMS}
    if as_json:
        output.emit({"study": home.name, "accounts": rows, **total})
        return
    columns = ["way", "of", "stored", "held by batches", "may be lost", "at most", "answers without a price"]
    shown = [[row["way"], row["of"], *(row[name] for name in SUMS), row["unpriced"]] for row in rows]
    whole = ["all", "", *total.values(), sum(row["unpriced"] for row in rows)]
    output.table(f"{home.name}: committed, in US dollars", columns, [*shown, whole])


def _sum(values: list[float | None]) -> float | None:
    """The sum of amounts; None if one of them is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _row(session: Session, money: Committed) -> dict[str, Any]:
    account = money.account
    sums = {name: getattr(money, name) for name in SUMS}
    if money.unpriced or money.unbounded:
        sums["most_usd"] = None  # part of it is unknown
    return {"way": account.way, "of": _name(session, money), **sums, "unpriced": money.unpriced}


def _name(session: Session, money: Committed) -> str:
    account = money.account
    if account.way == Way.RATE:
        return session.get_one(Campaign, account.id).name
    if account.way in (Way.JUDGE, Way.CONTAMINATION):
        return f"{session.get_one(Task, account.id).name} · {account.judge}"
    arm = session.get_one(Arm, account.id)
    return f"{session.get_one(Task, arm.task_id).name} · {arm.name}"
