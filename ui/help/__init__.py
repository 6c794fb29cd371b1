"""The page Help: the documentation, without a network."""
