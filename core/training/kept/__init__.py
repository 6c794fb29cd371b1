"""Kept models: the weights of chosen runs, each a folder that Hugging Face's libraries load."""
