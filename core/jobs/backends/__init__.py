"""Backends: where the processes of jobs run (this machine, a Ray cluster, a Slurm cluster), and which of them is set up."""
