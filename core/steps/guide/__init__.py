"""The guided way: the steps of a task with the next one, and studies that begin ready made."""
