"""Checkpoints: what a training keeps on disk, so that it goes on where it was when its process is killed."""
