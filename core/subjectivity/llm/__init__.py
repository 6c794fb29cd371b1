"""LLM raters, beside people."""
