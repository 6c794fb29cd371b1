"""The verdict on one task: its numbers, its advice and its sentences"""
