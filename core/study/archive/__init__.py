"""A whole study as a folder of open files, with a manifest: written, checked, and read back into a home."""
