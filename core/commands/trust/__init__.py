"""Commands on what else must hold before a result is believed: frozen plans and near-duplicates across splits"""
