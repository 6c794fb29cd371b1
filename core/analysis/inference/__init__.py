"""What a study's numbers allow to infer: slopes over tasks, gaps over texts and seeds, predictions for a new task, power"""
