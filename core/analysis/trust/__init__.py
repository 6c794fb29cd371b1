"""What else must hold before a result is believed: calibration, contamination, near-duplicates, and the frozen plan"""
