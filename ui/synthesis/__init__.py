"""The pages Prompts and Generate: connection, editor, tries, estimate and live view of a generation."""
