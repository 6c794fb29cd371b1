"""Take secrets out of the values of a study: user names, passwords and keys in addresses, and values under names of keys."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from core.study.archive.layout import Column
from core.study.rows.kinds import RaterKind

ADDRESS = re.compile(r"(?P<before>[^\s:/?#]*@)?(?P<url>https?://\S+)")
NAME_OF_A_KEY = re.compile(
    r"(.*[-_.])?(api[-_]?key|access[-_]?(key|token)|auth(orization)?|bearer|credentials?|passwo?r?d|secret|signature|sig|token|key|subscription[-_]key)",
    re.IGNORECASE,
)
NAMES_OF_MODELS = ("base_url", "model", "judge")
# Columns of JSON with words of people, in which a label or an attribute may be called "token".
WORDS_OF_PEOPLE = ("request", "options", "attributes", "draft", "rejected", "examples")


def cleaned(table: str, column: Column, value: Any, row: Mapping[str, Any], *, panel_ids: bool) -> Any:
    """A value as it is exported: without secrets, and without ids of persons unless `panel_ids`.

    Texts of the study (samples, prompts, answers of models, messages of requests, names of labels) stay as they are.
    """
    if table == "rater" and not panel_ids:
        if column.name == "panel_id":
            return None
        if column.name == "facts" and row["kind"] == RaterKind.PERSON:
            return {}
    if table == "campaign" and column.name == "settings":
        value = {name: part for name, part in value.items() if name != "codes"}
    if column.name in NAMES_OF_MODELS or (column.kind in ("object", "list") and column.name not in WORDS_OF_PEOPLE):
        return _without_secrets(value)
    return value


def without_key(address: str) -> str:
    """An address, or NAME@address, without user name, password and parameters that look like keys; other text unchanged."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        return address
    try:
        parts = urlsplit(found["url"])
    except ValueError:
        return address
    kept = [(name, text) for name, text in parse_qsl(parts.query, keep_blank_values=True) if not _is_key(name)]
    has_key = any(_is_key(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    if "@" not in parts.netloc and not has_key:
        return address
    clean = parts._replace(
        netloc=parts.netloc.rpartition("@")[2], query=urlencode(kept, safe="{}") if has_key else parts.query
    )
    return (found["before"] or "") + clean.geturl()


def _is_key(name: str) -> bool:
    return NAME_OF_A_KEY.fullmatch(name) is not None


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return without_key(value)
    if isinstance(value, list):
        return [_without_secrets(part) for part in value]
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if not (isinstance(part, str) and _is_key(str(name)))}
        return {
            name: PurePath(part).name if name == "recordings" and isinstance(part, str) else _without_secrets(part)
            for name, part in kept.items()
        }
    return value
