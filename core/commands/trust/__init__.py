"""Commands on what else must hold before a result is believed: frozen plans, near-duplicates across splits, and baselines"""
