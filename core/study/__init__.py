"""The stored rows of a study, reading and changing them, files in and out, and the database."""
