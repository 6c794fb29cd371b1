"""The rating page: steps, screens and style."""
