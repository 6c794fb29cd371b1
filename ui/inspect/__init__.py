"""The views of the page Inspect: samples, quality, labels, leakage, map."""
