"""The pages Prompts and Generate."""
