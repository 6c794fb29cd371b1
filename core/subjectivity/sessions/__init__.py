"""Labelling sessions: what is shown to whom, by which rules, and every answer kept."""
