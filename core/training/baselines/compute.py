"""Fit the baselines that a task lacks, and store their answers to the real test texts. Imported by worker processes only."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from core.reports import Report, silent
from core.study.chunks import chunks
from core.study.rows.baselines import Baseline
from core.study.rows.study import Sample, Task
from core.study.store import Store
from core.training import fingerprints
from core.training.baselines import classifiers, wanted
from core.training.baselines.wanted import Fit, Wanted

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]


def execute(store: Store, task_id: int, *, embed: Embed, report: Report = silent) -> tuple[int, tuple[str, ...]]:
    """Fit and store what a task lacks; return the number of new answers and sentences on arms that get none.

    `embed` gives the vectors of texts (n x d). A fit whose texts have not changed is not made again; equal fits of several
    seeds are made once. `report` is called with fits done and fits in all.
    """
    with store() as session:
        found = wanted.of_task(session, session.get_one(Task, task_id))
        missing = found.missing(session)
        texts = _texts(session, found)
    known: dict[str, list[str]] = {}
    with threadpool_limits(1):
        for done, (fit, name) in enumerate(missing):
            report(done, len(missing), f"{fit.arm.name} · {name}", {})
            key = fit.fingerprint(name)
            if key not in known:
                known[key] = _answered(fit, name, found, texts, embed=embed)
            _store(store, fit, name, found, known[key])
    report(len(missing), len(missing), "", {})
    return len(missing), found.left_out


def _answered(fit: Fit, name: str, found: Wanted, texts: dict[int, str], *, embed: Embed) -> list[str]:
    """The answer to each test text, in the order of `found.test`."""
    train = [texts[number] for number in fit.train["sample_id"]]
    test = [texts[number] for number in found.test["sample_id"]]
    labels, weights = list(fit.train["label"]), fit.config["class_weights"]
    if name == "tfidf":
        return classifiers.tfidf(train, labels, test, class_weights=weights)
    return classifiers.on_vectors(embed(train), labels, embed(test), class_weights=weights)


def _store(store: Store, fit: Fit, name: str, found: Wanted, answers: Sequence[str]) -> None:
    """Store the answers of a fit, unless another process has stored them meanwhile."""
    pairs = zip(found.test["text_hash"], found.test["label"], answers, strict=True)
    row = Baseline(
        arm_id=fit.arm.id, name=name, split=fit.split, seed=fit.seed, n_train=len(fit.chosen), config=fit.config,
        train_digest=fingerprints.data_digest(fit.chosen), test_digest=fit.test_digest, fingerprint=fit.fingerprint(name),
        answers={digest: [label, answer] for digest, label, answer in pairs},
    )  # fmt: skip
    try:
        with store.write() as session:
            session.add(row)
    except IntegrityError:
        return


def _texts(session: Session, found: Wanted) -> dict[int, str]:
    """The texts of all samples that the fits need, by sample id."""
    ids = {int(number) for fit in found.fits for number in fit.train["sample_id"]} | set(
        map(int, found.test["sample_id"])
    )
    return {
        row.id: row.text
        for chunk in chunks(sorted(ids))
        for row in session.execute(select(Sample.id, Sample.text).where(Sample.id.in_(chunk)))
    }
