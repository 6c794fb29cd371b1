"""Plan and run the fine-tuning of encoders on arms, and score them on real test data."""
