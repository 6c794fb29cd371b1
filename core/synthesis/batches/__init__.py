"""Generate through a Batch API: prepare, send and collect batches."""
