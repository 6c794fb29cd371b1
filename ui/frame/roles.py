"""Roles for screen readers that Streamlit's sidebar lacks: its groups of pages are lists without saying so."""

from streamlit.components import v2

MEND = """
export default () => {
  const mend = () => document.querySelectorAll('[data-testid="stSidebarNavItems"]').forEach((pages) => {
    pages.setAttribute("role", "presentation")
    pages.querySelectorAll("li").forEach((item) => {
      if (item.parentElement !== pages) item.parentElement.setAttribute("role", "list")
    })
  })
  mend()
  let isDue = false
  const watching = new MutationObserver(() => {
    if (isDue) return
    isDue = true
    requestAnimationFrame(() => { isDue = false; mend() })
  })
  watching.observe(document.body, { childList: true, subtree: true })
  return () => watching.disconnect()
}
"""


def mend_sidebar() -> None:
    """Mount a script that marks the groups of pages in the sidebar as lists, also after the sidebar is drawn anew."""
    v2.component("litmus_roles", js=MEND)(key="frame_roles", height=0)
