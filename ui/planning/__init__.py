"""The page Plan and the card beside Train and Campaigns: the form, the answer, and what given sizes can show"""
