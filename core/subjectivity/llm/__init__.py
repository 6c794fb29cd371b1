"""LLM raters: their personas, their replies, and their agreement beside people's."""
