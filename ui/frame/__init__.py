"""What stands around every page: access, sidebar, style."""
