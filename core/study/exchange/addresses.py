"""Addresses as they may be shown and exported: without user names, passwords and keys."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

ADDRESS = re.compile(r"(?P<before>[^\s:/?#]*@)?(?P<url>https?://\S+)")
NAME_OF_A_KEY = re.compile(
    r"(.*[-_.])?(api[-_]?key|access[-_]?(key|token)|auth(orization)?|bearer|credentials?|passwo?r?d|secret|signature|sig|token|key|subscription[-_]key)",
    re.IGNORECASE,
)


def without_key(address: str) -> str:
    """An address, or NAME@address, without user name, password and parameters that look like keys; other text unchanged."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        return address
    try:
        parts = urlsplit(found["url"])
    except ValueError:
        return address
    kept = [(name, text) for name, text in parse_qsl(parts.query, keep_blank_values=True) if not is_key(name)]
    has_key = any(is_key(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    if "@" not in parts.netloc and not has_key:
        return address
    clean = parts._replace(
        netloc=parts.netloc.rpartition("@")[2], query=urlencode(kept, safe="{}") if has_key else parts.query
    )
    return (found["before"] or "") + clean.geturl()


def is_key(name: str) -> bool:
    """Whether a parameter or a setting of this name holds a key."""
    return NAME_OF_A_KEY.fullmatch(name) is not None
