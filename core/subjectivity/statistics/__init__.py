"""What answers say: agreement, aggregation and ranking, each with its formula, source and interval."""
