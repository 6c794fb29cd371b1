"""The exported data set of a task: its files, its card for people, and its description for programs."""
