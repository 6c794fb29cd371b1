"""The upkeep of a home: a verified copy of the whole home and the way back, and what is wrong with a home."""
