"""Widgets, cached reads and words that several pages use."""
