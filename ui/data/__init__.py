"""The page Tasks and data: import of texts, the form of a task, undo and trash."""
