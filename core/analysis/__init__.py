"""From scores and ratings to figures and findings."""
