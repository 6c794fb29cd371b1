"""The views of the page Analyse: gaps by task, what a gap came from, and single texts beside their raters."""
