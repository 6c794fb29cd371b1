"""The rating page: its steps, its screens and its style."""
