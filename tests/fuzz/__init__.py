"""Random and damaged input for every importer, the parser of completions, study files and every command, with counts.

    python -m tests.fuzz [--cases 10000] [--kinds texts.csv,commands] [--first 0] [--factor completions=10]

A case is drawn from its kind and number alone, so a finding is repeated by `--kinds KIND --first NUMBER --cases 1`. Each
kind runs in a process of its own under a limit of memory. Counted are the cases that were taken, refused with a sentence,
ended with another error than a sentence, took longer than their time, or left rows behind although they were refused.
"""
