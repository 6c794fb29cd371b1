"""The commands of whoever keeps a home: backup, restore and doctor."""
