"""Widgets, cached reads and words that several pages use."""

import logging

# The dashboard is imported before its server runs, so that the first visitor does not wait. Streamlit warns of that at every
# cached function, although the functions are cached all the same once the server runs.
logging.getLogger("streamlit.runtime.caching.cache_data_api").addFilter(
    lambda record: "No runtime found" not in record.getMessage()
)
