"""What pages and commands both ask for: the long steps of a study. No terminal here, and no page."""
