"""Everything around a page: access control, navigation, sidebar and style."""
