"""Arms filled with texts, slot by slot."""
