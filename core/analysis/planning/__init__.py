"""Plan a study: which tasks, seeds, test texts and ratings a question needs, and what they cost"""
