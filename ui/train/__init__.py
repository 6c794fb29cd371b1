"""The views of the page Train: the forecast, the grid of runs, and one run beside another."""
