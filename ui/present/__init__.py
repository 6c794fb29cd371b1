"""The page Present: slides in big type that move by themselves while answers and runs come in."""
