"""What calls cost and may cost: prices, budgets, and what is committed."""
