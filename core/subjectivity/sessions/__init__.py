"""Labelling sessions: campaigns, the assignment of items, rules about raters, and the stored answers."""
