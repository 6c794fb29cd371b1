"""Synthetic samples: prompts, generation with an LLM, parsing, batches, tries, and the LLM judge."""
