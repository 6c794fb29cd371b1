"""Near-duplicates among texts: the search, those on both sides of the test split, and moving groups to one side"""
