"""Statistics of ratings and comparisons: agreement, aggregation and ranking, with formulas, sources and intervals."""
