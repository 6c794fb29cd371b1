"""Check a password against the organiser's, which is given plainly or as an argon2 hash."""

import hmac

import argon2

from core.settings import Settings

LEAST_LENGTH = 12


def is_right(settings: Settings, typed: str) -> bool:
    """Whether this is the organiser's password, with or without spaces around it; comparing takes the same time for all."""
    return any(_is(settings, each) for each in dict.fromkeys([typed, typed.strip()]))


def is_short(settings: Settings) -> bool:
    """Whether the password is known to be short enough to be guessed; the length of a hashed password is not known."""
    return settings.password is not None and len(settings.password) < LEAST_LENGTH


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, compared in constant time so that timing reveals nothing about them."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _is(settings: Settings, typed: str) -> bool:
    if settings.password_hash is None:
        return settings.password is not None and same(typed, settings.password)
    try:
        return argon2.PasswordHasher().verify(settings.password_hash, typed.encode(errors="replace"))
    except argon2.exceptions.VerifyMismatchError:
        return False
