"""The page Tasks and data, and the trash."""
