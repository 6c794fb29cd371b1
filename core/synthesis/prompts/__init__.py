"""What an LLM is told, in versions."""
