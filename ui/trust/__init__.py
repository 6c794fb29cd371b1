"""Views on what else must hold before a result is believed: calibration, test texts, frozen plan, the list of checks"""
