"""Read data sets from the Hugging Face hub, pinned to a commit, and push texts to a data set, private by default."""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
import pyarrow.parquet as pq
import yaml
from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import DatasetInfo
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.exchange import hub_layout, tables
from core.study.exchange.data_set import exporting
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm

PREFIX = "hf:"
CONVERTED = "refs/convert/parquet"
LARGEST = 2_000_000_000
SOURCE = re.compile(r"hf:(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?(?::(?P<config>[^:@]+))?")
REPO = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True)
class Destination:
    """The data set `repo` (owner/name) of a hub that texts are sent to.

    `token` is a key that may write (default: the key that the hub's own tools saved on this machine); `endpoint` is the
    address of the hub, None for the hub that HF_ENDPOINT names, by default huggingface.co.
    """

    repo: str
    private: bool = True
    token: str | None = field(default=None, repr=False)
    endpoint: str | None = None


@dataclass(frozen=True)
class Pushed:
    """What was sent to the hub: the address of the data set, the commit, the paths of the files, and the texts of each arm.

    `private` says whether the data set is private now.
    """

    url: str
    commit: str
    private: bool
    files: list[str]
    rows: dict[str, int]


def read(
    source: str, *, split: str | None, folder: Path, token: str | None, endpoint: str | None = None
) -> tables.Table:
    """Read the data set `hf:owner/name[@revision][:config]` from the hub: one split, or all splits if `split` is None.

    Class numbers are replaced by the names of the classes. The column `split` holds the split of each row; it is missing
    if the data set has only one split and `split` is None, so that the import draws the splits as for a file. Downloaded
    files are kept in `folder`. Raises `StudyError` if the data set, its revision, configuration or split does not exist,
    is too large, or the hub cannot be reached or refuses.
    """
    found = SOURCE.fullmatch(source)
    if found is None:
        raise StudyError(f"{source!r} names no data set of the hub. Write hf:owner/name or hf:owner/name:config.")
    repo, config = found["repo"], found["config"]
    check_token(token)
    api = HfApi(endpoint=endpoint, token=token)
    with hub_errors(repo, api):
        info, card = _listing(api, repo, found["revision"], folder)
        placed = hub_layout.placed([file.rfilename for file in info.siblings or []], card)
        config = _config(repo, placed, config)
        chosen = _splits(repo, placed[config], split)
        _check_size(repo, info, chosen)
        names = hub_layout.names_in_card(card, config, is_only=len(placed) == 1)
        frames, digests, notes = [], list[str](), list[str]()
        for name, paths in chosen.items():
            for path in paths:
                local = Path(api.hf_hub_download(repo, path, repo_type="dataset", revision=info.sha, cache_dir=folder))
                table = tables.read(local)
                in_file = hub_layout.names_in_file(local)
                frame = table.frame if in_file else hub_layout.named(table.frame, names)
                notes += table.notes
                if not in_file and not names:
                    notes.append(hub_layout.numbers_note(card, config, table.frame.columns))
                frames.append(frame if len(placed[config]) == 1 and split is None else frame.assign(split=name))
                digests.append(table.sha256)
    return tables.Table(
        frame=pd.concat(frames, ignore_index=True).fillna(""),
        unreadable=[],
        file=f"{PREFIX}{repo}:{config}",
        sha256=hashlib.sha256("".join(digests).encode()).hexdigest(),
        source={"dataset": repo, "config": config, "splits": ",".join(chosen), "revision": str(info.sha)},
        notes=tuple(note for note in dict.fromkeys(notes) if note),
    )


def push(session: Session, *, task_id: int, arms: Sequence[Arm], to: Destination, with_real: bool = False) -> Pushed:
    """Send the kept texts of some arms of a task to a data set of the hub; the data set is created if it does not exist.

    Raises `StudyError` if an arm is real and `with_real` is False (the licence of real texts may forbid passing them
    on), if the data set should be private but exists and is public, or if the hub refuses.
    """
    if not REPO.fullmatch(to.repo):
        raise StudyError(f"{to.repo!r} names no data set. Write owner/name, with letters, digits, - and _.")
    real = [arm.name for arm in arms if arm.kind == ArmKind.REAL]
    if real and not with_real:
        raise StudyError(
            f"Arm {real[0]!r} holds real texts, whose licence may not allow passing them on. Leave it out, or ask for it "
            "with --with-real."
        )
    token = to.token or get_token()
    if token is None:
        raise StudyError("Writing to the hub needs a key. Set HF_TOKEN to a key that may write.")
    check_token(token)
    api = HfApi(endpoint=to.endpoint, token=token)
    with tempfile.TemporaryDirectory() as name, hub_errors(to.repo, api):
        folder = Path(name)
        paths = exporting.write(session, task_id=task_id, arms=arms, folder=folder, format="parquet")
        url = api.create_repo(to.repo, repo_type="dataset", private=to.private, exist_ok=True)
        is_private = bool(api.dataset_info(to.repo).private)
        if to.private and not is_private:
            raise StudyError(
                f"The data set {to.repo} is there already and is public. Choose another name, or add --public to send the texts to it."
            )
        commit = api.upload_folder(
            repo_id=to.repo, repo_type="dataset", folder_path=folder, commit_message="Texts exported by Litmus"
        )
        return Pushed(
            url=str(url),
            commit=str(commit.oid),
            private=is_private,
            files=[path.relative_to(folder).as_posix() for path in paths],
            rows=_rows(paths[2:], exporting.folder_names(arms), arms),
        )


def check_token(token: str | None) -> None:
    """Raise `StudyError` if the token holds characters that cannot be sent in a header of HTTP."""
    if token and not (token.isascii() and token.isprintable()):
        raise StudyError("HF_TOKEN holds characters that cannot be part of a key. Copy the key again.")


def _listing(api: HfApi, repo: str, revision: str | None, folder: Path) -> tuple[DatasetInfo, dict[str, Any]]:
    """The files of a data set at one commit, and the YAML head of its card.

    Without a revision, the commit with the Parquet files that the hub made by conversion is preferred.
    """
    main = api.dataset_info(repo, revision=revision, files_metadata=True)
    card = _card(api, repo, main, folder)
    if revision is not None:
        return main, card
    try:
        converted = api.dataset_info(repo, revision=CONVERTED, files_metadata=True)
    except RevisionNotFoundError:
        return main, card
    has_files = any(file.rfilename.endswith(".parquet") for file in converted.siblings or [])
    return (converted if has_files else main), card


def _card(api: HfApi, repo: str, info: DatasetInfo, folder: Path) -> dict[str, Any]:
    """The YAML head of the README of a data set; empty if there is no README or no valid head."""
    if all(file.rfilename != "README.md" for file in info.siblings or []):
        return {}
    path = api.hf_hub_download(repo, "README.md", repo_type="dataset", revision=info.sha, cache_dir=folder)
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    head = re.match(r"\ufeff?---\s*\n(.*?)\n---", text, re.DOTALL)
    try:
        found = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _config(repo: str, placed: hub_layout.Placed, asked: str | None) -> str:
    """The configuration to read: `asked`, else "default", else the only one. Raises `StudyError` if none fits."""
    if not placed:
        raise StudyError(
            f"{repo} holds no Parquet files. Save the data set as a CSV, JSONL or Parquet file and import that file."
        )
    if asked in placed:
        return str(asked)
    names = ", ".join(sorted(placed))
    if asked is not None:
        raise StudyError(f"{repo} has no configuration {asked!r}. It has {names}.")
    if len(placed) > 1 and "default" not in placed:
        raise StudyError(
            f"{repo} has several configurations: {names}. Name a configuration, as in hf:{repo}:{sorted(placed)[0]}."
        )
    return "default" if "default" in placed else next(iter(placed))


def _splits(repo: str, paths: Mapping[str, list[str]], asked: str | None) -> dict[str, list[str]]:
    """Split -> paths of its files: of all splits, or of the split `asked`. Raises `StudyError` if it does not exist."""
    if asked is None:
        return dict(paths)
    if asked not in paths:
        raise StudyError(f"{repo} has no split {asked!r}. It has {', '.join(paths)}.")
    return {asked: paths[asked]}


def _check_size(repo: str, info: DatasetInfo, chosen: Mapping[str, list[str]]) -> None:
    """Raise `StudyError` if the chosen files are larger than `LARGEST` bytes together."""
    wanted = {path for paths in chosen.values() for path in paths}
    size = sum(file.size or 0 for file in info.siblings or [] if file.rfilename in wanted)
    if size > LARGEST:
        raise StudyError(
            f"{repo} is {size / 1e9:.1f} GB of Parquet; at most {LARGEST / 1e9:.0f} GB can be imported. Name one split "
            "with --split, or import a file with a part of the data set."
        )


def _rows(paths: Sequence[Path], names: Mapping[int, str], arms: Sequence[Arm]) -> dict[str, int]:
    """Arm name -> number of rows in its files; `names` maps the id of an arm to the name of its folder."""
    counted = {arm.name: 0 for arm in arms}
    for arm in arms:
        own = [path for path in paths if path.parent.name == names[arm.id]]
        counted[arm.name] = sum(pq.read_metadata(path).num_rows for path in own)
    return counted


@contextmanager
def hub_errors(repo: str, api: HfApi, *, what: str = "data set") -> Iterator[None]:
    """A context that turns errors of the hub library into a `StudyError` that says what to do; `what` the repository holds."""
    try:
        yield
    except GatedRepoError as error:
        raise StudyError(
            f"{repo} is gated. Accept its conditions on {api.endpoint}/datasets/{repo} and set HF_TOKEN to a key of that account."
        ) from error
    except RepositoryNotFoundError as error:
        raise StudyError(
            f"There is no {what} {repo} on the hub, or it is private. Check the name, or set HF_TOKEN to a key that may read it."
        ) from error
    except RevisionNotFoundError as error:
        raise StudyError(
            f"{repo} has no such revision. Leave the revision out, or name a commit, branch or tag."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise StudyError(
                f"The hub refused the key for {repo} (status {status}). Set HF_TOKEN to a key with the right to do this."
            ) from error
        raise StudyError(f"The hub answered with status {status} for {repo}. Try again later.") from error
    except HFValidationError as error:
        raise StudyError(
            f"{repo} is not a valid name on the hub. Write owner/name, without -- or .., at most 96 characters."
        ) from error
    except (json.JSONDecodeError, KeyError) as error:
        raise StudyError(f"{api.endpoint} answers, but not like the hub. Check HF_ENDPOINT and the network.") from error
    except (httpx2.HTTPError, OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
        raise StudyError(
            f"The hub at {api.endpoint} cannot be reached. Check the network, or import a file."
        ) from error
