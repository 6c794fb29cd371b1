"""From a prompt over an LLM to samples."""
