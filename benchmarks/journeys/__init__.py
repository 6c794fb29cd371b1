"""Five people walk through the dashboard in a real browser: clicks, seconds, and a picture of every step in four looks."""
