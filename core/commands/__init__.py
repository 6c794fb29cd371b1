"""The steps of a study as commands; pages queue the same ones."""
