"""Calls to language models: providers, prices and budgets, many calls at a time, and the text of answers."""
