"""Litmus without its pages: everything here also runs from a terminal."""
