"""Generate texts into an arm: the calls, their scheduling, the storing of answers, and where the arm stands."""
