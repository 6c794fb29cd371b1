"""Raters, what they say, and how far they agree."""
