"""Compare the texts of an arm with real texts before training: likeness, variety, and the arm to start with"""
