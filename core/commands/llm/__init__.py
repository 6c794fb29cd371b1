"""Commands that call a language model."""
