"""Talking to a language model: who answers, what it costs, and what the answer says; knows nothing of tasks, arms or raters."""
