"""Baselines: plain classifiers, fitted on the very texts that the runs of an arm train on"""
