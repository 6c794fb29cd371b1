"""Single test texts: how far raters and labels agree about them, and how near the answers of models come to the raters' answers"""
