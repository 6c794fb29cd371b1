"""Encoders fine-tuned on an arm and scored on real test data."""
