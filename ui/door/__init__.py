"""The door of the dashboard's server: which requests it answers, and what every answer carries."""
