"""Baselines beside the runs of a task: their scores with intervals, and whether the real arm is shown to beat them"""
