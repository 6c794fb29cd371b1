"""Damage to the bytes of a file: cut, flipped, repeated, joined with what programs and attackers write."""

import random
from collections.abc import Callable

MOST = 300_000  # bytes
TOKENS = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\x1b[2J", b"\r", b"\n", b"\r\n", b"\t", b",", b";",
    b'"', b"'", b'""', b"\\", b"\\u0000", b"\\ud800", b"nan", b"NaN", b"Infinity", b"null", b"None", b"true", b"-0", b"1e999",
    b"9" * 400, b"1_0", b"0x1f", b"2026-13-45", b"[]", b"{}", b"[" * 5000, b'{"a":' * 3000, b"{" * 2000, b"=1+1", b"@x", b"<!--",
    b"&a", b"*a", b"!!python/object/apply:os.system [id]", b"<<: *a", b"? ", b"- ", b": ", b"---\n", b"%YAML 9\n", b"|\n", b"text",
    b"label", b"split", b"../../x", b"/etc/passwd", b"a" * 70_000, "𝔘ש✓e\u0301".encode(), b"\xc3\x28", b"\x80", b"PAR1", b"PK\x03\x04",
]  # fmt: skip


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content after one to five changes; at most `MOST` bytes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        content = rng.choice(CHANGES)(content, rng)[:MOST]
    return content


def _place(content: bytes, rng: random.Random) -> int:
    return rng.randint(0, len(content))


def _part(content: bytes, rng: random.Random) -> tuple[int, int]:
    begin = _place(content, rng)
    return begin, min(len(content), begin + rng.choice((1, 2, 8, 40, 300)))


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: _place(content, rng)]


def _headless(content: bytes, rng: random.Random) -> bytes:
    return content[_part(content, rng)[1] :]


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 3, 20))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _inserted(content: bytes, rng: random.Random) -> bytes:
    place = _place(content, rng)
    return content[:place] + rng.choice(TOKENS) + content[place:]


def _replaced(content: bytes, rng: random.Random) -> bytes:
    begin, end = _part(content, rng)
    return content[:begin] + rng.choice(TOKENS) + content[end:]


def _removed(content: bytes, rng: random.Random) -> bytes:
    begin, end = _part(content, rng)
    return content[:begin] + content[end:]


def _repeated(content: bytes, rng: random.Random) -> bytes:
    begin, end = _part(content, rng)
    return content[:begin] + content[begin:end] * rng.choice((2, 3, 200)) + content[end:]


def _line_moved(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
    return b"\n".join(lines)


def _line_lost(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def _indented(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    lines[place] = rng.choice((b" ", b"  ", b"\t", b"- ")) + lines[place]
    return b"\n".join(lines)


def _word_swapped(content: bytes, rng: random.Random) -> bytes:
    words = content.split(b" ")
    words[rng.randrange(len(words))] = rng.choice((*TOKENS, rng.choice(words)))
    return b" ".join(words)


def _encoded(content: bytes, rng: random.Random) -> bytes:
    return content.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-32", "latin-1", "utf-7")), "replace")


def _noise(content: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 4, 100, 3000))) if rng.random() < 0.3 else content + rng.randbytes(20)


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut, _headless, _flipped, _flipped, _inserted, _inserted, _replaced, _replaced, _removed, _repeated, _line_moved, _line_lost,
    _indented, _word_swapped, _word_swapped, _encoded, _noise,
)  # fmt: skip
