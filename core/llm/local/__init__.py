"""Language models on this machine: where they lie, models that come as Python packages, GGUF files, and how they write"""
