"""The peak memory of a process, as the kernel keeps it for the process's own pages."""

from pathlib import Path


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that the process has held at once, in MB.

    Not `ru_maxrss`: a new process starts with the peak of the process that started it, so that a small one begun by a large one
    looks large, and growth below that peak is not seen (getrusage(2), proc_pid_status(5)).
    """
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def forget_peak() -> None:
    """Set the peak of this process to the memory that it holds now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
