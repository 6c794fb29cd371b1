"""The views of the page Compare: arms, classes, training sizes, cost and quality, stability."""
