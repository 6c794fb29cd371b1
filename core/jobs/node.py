"""A node of a cluster: it reads the address of the database and the keys from its own file, and checks the database."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from core import settings as settings_module
from core.errors import StudyError
from core.jobs.backends import cluster
from core.study import store as store_module
from core.study.rows.study import Job
from core.study.store import Store

FILE = Path("~/.config/litmus/node.env")
HOME = Path("~/.cache/litmus")
WAY_OUT = "docs/cluster.md says how a node is set up."


def open_store(environ: MutableMapping[str, str], job_id: int, *, mark: str) -> Store:
    """The store of the database that a job of this mark is from. Variables of the node's file are added to `environ`.

    Raises `StudyError` if the file cannot be read, if the node has no address of a database, if the database cannot be
    reached, or if it is another database.
    """
    file = Path(environ.get("LITMUS_NODE_FILE") or FILE).expanduser()
    for name, value in _read(file).items():
        environ.setdefault(name, value)
    environ.setdefault("LITMUS_HOME", str(HOME.expanduser()))
    if not environ.get("LITMUS_DATABASE"):
        raise StudyError(f"{_this()} has no LITMUS_DATABASE: write it into {file} there. {WAY_OUT}")
    try:
        store = store_module.open_store(settings_module.load(environ))
        with store() as session:
            job = session.get(Job, job_id)
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"{_this()} cannot reach the database of LITMUS_DATABASE: {reason}") from error
    if job is None or cluster.mark(job) != mark:
        raise StudyError(f"LITMUS_DATABASE of {_this()} names another database than the app's. {WAY_OUT}")
    return store


def _read(file: Path) -> Mapping[str, str]:
    """The variables of a file of lines NAME=value; empty lines and lines that begin with # are left out."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{_this()} cannot read {file}: {error}. {WAY_OUT}") from error
    pairs = [line.strip().removeprefix("export ").partition("=") for line in lines]
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs if name and not name.startswith("#")}


def _this() -> str:
    return f"The node {os.uname().nodename}" if hasattr(os, "uname") else "This node"
