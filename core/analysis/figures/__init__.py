"""Plotly figures: gaps, scores and lines over subjectivity; ratings; the quality of samples"""
