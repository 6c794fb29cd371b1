"""An arm by Batch API: prepared, sent, collected."""
