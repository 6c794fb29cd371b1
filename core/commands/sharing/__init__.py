"""The commands that share a study: as open files, and as a paper pack."""
