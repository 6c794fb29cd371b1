"""Commands on files alone: no study, no database."""
