"""The digest by which texts count as the same, whatever their case, width of spaces or Unicode form."""

import hashlib
import unicodedata


def text_hash(text: str) -> str:
    """A digest of 32 hexadecimal digits, the same for texts that differ in case, width of spaces or Unicode form only."""
    normalised = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(normalised.encode()).hexdigest()[:32]
