"""Which items a campaign has, and which of them a rater sees next."""
