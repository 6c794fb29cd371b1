"""Texts out of what a model wrote."""
