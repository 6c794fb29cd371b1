"""Compute findings from scores and ratings, and draw their figures."""
