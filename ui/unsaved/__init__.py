"""Unsaved words: text typed into a form outlives another page and a reload of the tab."""
