"""Commands that ask a language model."""
