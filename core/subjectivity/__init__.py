"""Human raters and LLM raters: labelling sessions, files of answers, agreement, aggregation and ranking."""
