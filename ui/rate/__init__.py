"""A rater's way through a session."""
