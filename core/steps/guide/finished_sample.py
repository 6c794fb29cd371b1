"""Bring in the finished sample study that ships with Litmus: texts, ratings and trained runs, with nothing left to train."""

import tempfile
from itertools import count
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import catalogue
from core.study.archive import reading, zipped
from core.study.rows.study import Study
from core.study.store import Store

NAME = "finished-sample"
STEPS = 80  # of each of its runs, of which 34 of 36 have then converged; a study that is run live makes 20


def bring_in(store: Store) -> Study:
    """Store a fresh copy of the finished sample study and return it.

    Its name is `NAME`, or with "-2", "-3" and so on where a study has that name, so that every copy can be changed on its
    own. Its runs were trained once, with `STEPS` steps, by `make sample`; their rows say on what and when.
    """
    with tempfile.TemporaryDirectory() as spare:
        folder = zipped.unpack_study(catalogue.FINISHED_SAMPLE, Path(spare))
        with store.write() as session:
            return reading.read(session, folder, name=_free_name(session), is_own=True)[0]


def _free_name(session: Session) -> str:
    taken = set(session.scalars(select(Study.name)))
    return next(name for number in count(1) if (name := NAME if number == 1 else f"{NAME}-{number}") not in taken)
