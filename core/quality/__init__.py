"""What the samples are like, beside real ones."""
