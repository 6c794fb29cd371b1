"""Roles and names for screen readers that Streamlit lacks: the sidebar's groups of pages are lists, and messages have no name."""

from streamlit.components import v2

MEND = """
export default () => {
  const mend = () => document.querySelectorAll('[data-testid="stSidebarNavItems"]').forEach((pages) => {
    pages.setAttribute("role", "presentation")
    pages.querySelectorAll("li").forEach((item) => {
      if (item.parentElement !== pages) item.parentElement.setAttribute("role", "list")
    })
  })
  const name = () => document.querySelectorAll('[data-testid="stToast"]:not([aria-label])').forEach((message) => {
    message.setAttribute("aria-label", "Message")
  })
  mend()
  name()
  let isDue = false
  const watching = new MutationObserver(() => {
    name()  // at once: a message is read out when it appears
    if (isDue) return
    isDue = true
    requestAnimationFrame(() => { isDue = false; mend() })
  })
  watching.observe(document.body, { childList: true, subtree: true })
  return () => watching.disconnect()
}
"""


def mend_sidebar() -> None:
    """Mount a script that marks the groups of pages in the sidebar as lists and names messages, also after they are drawn anew."""
    v2.component("litmus_roles", js=MEND)(key="frame_roles", height=0)
