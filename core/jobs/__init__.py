"""Background work: rows, a runner and the places where commands run."""
