"""Background jobs: the queue of jobs, the runner that starts them, and the process of each job."""
