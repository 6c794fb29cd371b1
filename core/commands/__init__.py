"""The commands of the terminal; pages queue the same commands as jobs."""
