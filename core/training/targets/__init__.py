"""What a training text counts for: the shares of its raters as its target, and its weight in the loss."""
