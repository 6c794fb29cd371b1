"""Texts out of a model's answer."""
