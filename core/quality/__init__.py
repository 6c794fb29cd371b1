"""Measure samples beside real texts: diversity, duplicates, copies, leakage and label fidelity."""
