"""Money for calls: prices, budgets, spending, and the money committed in a study."""
