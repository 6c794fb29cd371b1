"""Check a password against those of organisers and viewers, which are given plainly or as argon2 hashes."""

import hmac

import argon2

from core.settings import Settings

LEAST_LENGTH = 12


def is_organisers(settings: Settings, typed: str) -> bool:
    """Whether this is the organiser's password, with or without spaces around it; comparing takes the same time for all."""
    return _is_either(settings.password, settings.password_hash, typed)


def is_viewers(settings: Settings, typed: str) -> bool:
    """Whether this is the password of viewers, checked as that of organisers is."""
    return _is_either(settings.viewer_password, settings.viewer_password_hash, typed)


def is_short(settings: Settings) -> bool:
    """Whether the password is known to be short enough to be guessed; the length of a hashed password is not known."""
    return settings.password is not None and len(settings.password) < LEAST_LENGTH


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, compared in constant time so that timing reveals nothing about them."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _is_either(password: str | None, hashed: str | None, typed: str) -> bool:
    return any(_is(password, hashed, each) for each in dict.fromkeys([typed, typed.strip()]))


def _is(password: str | None, hashed: str | None, typed: str) -> bool:
    if hashed is None:
        return password is not None and same(typed, password)
    try:
        return argon2.PasswordHasher().verify(hashed, typed.encode(errors="replace"))
    except argon2.exceptions.VerifyMismatchError:
        return False
