"""Changes of studies and arms as wholes: rename, copy, put aside, delete."""
