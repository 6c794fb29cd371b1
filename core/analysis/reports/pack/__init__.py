"""The paper pack: tables, figures, methods, prompts, cards, references, and the files that redo a study."""
