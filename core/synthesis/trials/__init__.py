"""Try a prompt with a few calls, and estimate what a generation takes."""
