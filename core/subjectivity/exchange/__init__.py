"""Ratings and comparisons in files: reading the forms of annotation tools, importing, and writing."""
