"""Everything of Litmus except the pages; no module in this package imports Streamlit."""
