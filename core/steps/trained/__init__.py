"""What follows the queue of trainings: the wait for their jobs, and learning curves."""
