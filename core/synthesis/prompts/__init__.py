"""Prompts of an arm: drafts, versions, attribute values, and the real texts that a call shows."""
