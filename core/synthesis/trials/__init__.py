"""A few calls before many, and what they would cost."""
