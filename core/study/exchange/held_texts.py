"""Compare the rows of a file with the texts that a task already holds, and find the reason why a row is left out."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study import samples, tasks
from core.study.exchange import labels_in_files
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Import, Label, Sample
from core.wording import counted

EMPTY, LEAK = "empty text", samples.LEAK
SAME = "in the arm already, with the same label and split"
OTHER_LABEL = "in the arm already, with another label"
OTHER_SPLIT = "in the arm already, in another split"
IN_OWN_TEST = "in the arm's test split already"
IN_TEST = "in the test split of the real texts already"
MOVES = "leaves training for the test split of this file"
SENTENCES = {
    SAME: "Already in the arm, with the same label in the same split: {n}, left out.",
    OTHER_LABEL: "Already in the arm with another label: {n}, left out; the stored label stays.",
    OTHER_SPLIT: "Already in the arm in another split: {n}, left out; the stored split stays.",
    IN_OWN_TEST: "Already in the test split of the arm, so training on them would be a leak: {n}, left out.",
    IN_TEST: "Already in the test split of the real texts, so training on them would be a leak: {n}, left out.",
    MOVES: "Already in the arm outside its test split, and in the test split of this file: {n}, moved into the test split.",
}


NO_TEST = "No real text of this task would be for testing"
NO_TEST_SENTENCE = (
    NO_TEST
    + " ({splits}), and models are scored on real test texts. Bring in test texts too, or let a quarter of these be "
    "drawn for testing (--split draw)."
)


@dataclass(frozen=True)
class Held:
    """The texts that a task holds, seen from the arm into which a file is imported.

    `own` maps the digest of each kept text of the arm to its split and label. `tested` holds the digests of the test
    split of the real arm; it is empty if the arm is the real arm. `elsewhere` holds digests of texts outside test splits:
    of all other arms if the arm is the real arm, of the real arm otherwise. `imports` are earlier imports of the same
    file into the arm that were not undone, the newest first.
    """

    own: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    tested: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    imports: Sequence[Import] = ()


def read(session: Session, *, task_id: int, arm: str, sha256: str) -> Held:
    """The texts that a task holds, for the import of a file with digest `sha256` into an arm, which need not exist yet."""
    arms = tasks.arms(session, task_id)
    own = next((candidate for candidate in arms if candidate.name == arm), None)
    is_real = tasks.kind_of(arm) == ArmKind.REAL
    others = [other for other in arms if other.name != arm and (is_real or other.kind == ArmKind.REAL)]
    held = {digest: place[0] for other in others for digest, place in kept(session, other).items()}
    imports = select(Import).where(Import.sha256 == sha256, Import.undone_at.is_(None)).order_by(Import.id.desc())
    return Held(
        own=kept(session, own) if own else {},
        tested=frozenset() if is_real else frozenset(digest for digest, split in held.items() if split == Split.TEST),
        elsewhere=frozenset(digest for digest, split in held.items() if split != Split.TEST),
        imports=list(session.scalars(imports.where(Import.arm_id == own.id))) if own else (),
    )


def kept(session: Session, arm: Arm) -> dict[str, tuple[str, str]]:
    """Digest -> split and label, of the kept texts of an arm."""
    query = (
        select(Sample.text_hash, Sample.split, Label.name)
        .join(Label, Label.id == Sample.label_id)
        .where(Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT)
    )
    return {row.text_hash: (row.split, row.name) for row in session.execute(query)}


def judge(rows: pd.DataFrame, names: Sequence[str], held: Held, *, real: bool) -> None:
    """Set the column `reason` of every row: why the row is left out, "" if the row can be kept.

    `rows` has the columns text, label, split, text_hash and reason. `names` are the labels of the task, empty if the file
    defines the labels. `real` says that the rows go into the real arm.
    """
    columns = (rows[name] for name in ("text", "label", "split", "reason"))
    faults = [
        (EMPTY if not text else known_reason) or unusable(text, label, split, names)
        for text, label, split, known_reason in zip(*columns, strict=True)
    ]
    tests = rows.loc[
        (rows["split"] == Split.TEST) & (pd.Series(faults, index=rows.index, dtype=object) == ""), "text_hash"
    ]
    leaking = set(held.tested) | (set(tests) if real else set())
    seen: dict[str, str] = {}
    reasons = []
    columns = (rows[name] for name in ("label", "split", "text_hash"))
    for label, split, digest, reason in zip(*columns, faults, strict=True):
        if not reason and split != Split.TEST and digest in leaking:
            reason = LEAK
        held_split, held_label = held.own.get(digest, ("", ""))
        if not reason and held_label and not (split == Split.TEST and held_split != Split.TEST):
            reason = _duplicate(held_label, label)
        if not reason and digest in seen:
            reason = _duplicate(seen[digest], label)
        if not reason:
            seen[digest] = label
        reasons.append(reason)
    rows["reason"] = reasons


def already(rows: pd.DataFrame, held: Held) -> dict[str, int]:
    """Numbers of rows whose texts the task already holds, by what happens to them, in the order of `SENTENCES`.

    `judge` must have set the reasons of the rows.
    """
    found: Counter[str] = Counter()
    columns = (rows[name] for name in ("label", "split", "text_hash", "reason"))
    for label, split, digest, reason in zip(*columns, strict=True):
        if not reason or reason == LEAK or reason.startswith(samples.DUPLICATE):
            found[_case(held, label, split, digest, is_kept=not reason)] += 1
    return {name: found[name] for name in SENTENCES if found[name]}


def sentences(rows: pd.DataFrame, held: Held, counts: Mapping[str, int], *, real: bool) -> list[str]:
    """The counts of `already` as sentences for people, with sentences about texts that other arms hold, and about
    missing test texts."""
    without = [no_test] if real and (no_test := _no_test(rows, held)) else []
    found = without + [SENTENCES[name].format(n=counted(n, "row")) for name, n in counts.items()]
    rows = rows[(rows["reason"] == "") & rows["text_hash"].isin(held.elsewhere)]
    if real and (n := int((rows["split"] == Split.TEST).sum())):
        found.append(
            f"In the test split of this file and in other arms too: {counted(n, 'row')}; no training uses them."
        )
    if not real and len(rows):
        found.append(f"In the real arm too, outside its test split: {counted(len(rows), 'row')}, kept here as well.")
    return found


def _no_test(rows: pd.DataFrame, held: Held) -> str:
    """A sentence if the real arm would hold no test text after the import; "" if it would, or if nothing is kept."""
    splits = rows.loc[rows["reason"] == "", "split"].value_counts()
    if splits.empty or Split.TEST in splits.index or any(split == Split.TEST for split, _ in held.own.values()):
        return ""
    return NO_TEST_SENTENCE.format(splits=", ".join(f"{split} {n:,}" for split, n in splits.items()))


def unusable(text: str, label: str, split: str, names: Sequence[str]) -> str:
    """Why a row cannot be kept whatever the task holds (no text, unknown label or split); "" if it can be kept."""
    if not text:
        return EMPTY
    if not label:
        return labels_in_files.NO_LABEL
    if names and label not in names:
        near = difflib.get_close_matches(label, names, n=1, cutoff=0.7)
        return f"unknown label {label!r}" + (f" (near {near[0]!r})" if near else "")
    return f"unknown split {split[1:]!r}" if split.startswith("?") else ""


def _case(held: Held, label: str, split: str, digest: str, *, is_kept: bool) -> str:
    if digest in held.tested and split != Split.TEST:
        return IN_TEST
    if digest not in held.own:
        return ""
    held_split, held_label = held.own[digest]
    if split == Split.TEST and held_split != Split.TEST:
        return MOVES if is_kept else ""
    if held_split == Split.TEST and split != Split.TEST:
        return IN_OWN_TEST
    if held_label != label:
        return OTHER_LABEL
    return SAME if held_split == split else OTHER_SPLIT


def _duplicate(first: str, label: str) -> str:
    return samples.DUPLICATE if first == label else f"{samples.DUPLICATE} with another label"
