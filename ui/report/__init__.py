"""The page Report: the paper pack, the export of a study, and the import of an exported study."""
