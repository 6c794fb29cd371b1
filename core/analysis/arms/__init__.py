"""The arms of a task compared: differences, classes, training sizes, costs and quality, stability over seeds."""
