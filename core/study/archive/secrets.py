"""Take secrets out of the values of a study: user names, passwords and keys in addresses, and values under names of keys."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from core.study.archive.layout import Column
from core.study.exchange import addresses
from core.study.rows.kinds import RaterKind

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


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return addresses.without_key(value)
    if isinstance(value, list):
        return [_without_secrets(part) for part in value]
    if isinstance(value, dict):
        kept = {
            name: part for name, part in value.items() if not (isinstance(part, str) and addresses.is_key(str(name)))
        }
        return {
            name: PurePath(part).name if name == "recordings" and isinstance(part, str) else _without_secrets(part)
            for name, part in kept.items()
        }
    return value
