"""Commands that read files and use no study and no database."""
