"""Contamination: does a language model know the real test texts by heart? Asking it, and reading its answers"""
