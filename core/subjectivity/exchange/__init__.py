"""Answers from and to files of other tools."""
