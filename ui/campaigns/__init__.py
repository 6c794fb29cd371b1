"""The views of the page Campaigns: list, form, live view, results, raters, link, export and import."""
