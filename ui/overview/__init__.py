"""The parts of Overview: three doors for someone who arrives, and what can be done with a study as a whole."""
