"""What the samples are like."""
