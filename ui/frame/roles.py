"""What Streamlit lacks for screen readers and the keyboard: lists in the sidebar, names of messages and charts, a way to the content.

Also the buttons that save the picture of a chart, which only the browser can draw, and one step of the browser's history for a page:
Streamlit makes another one when a page writes its first choices into the address.
"""

from streamlit.components import v2

MEND = """
const lists = () => document.querySelectorAll('[data-testid="stSidebarNavItems"]').forEach((pages) => {
  pages.setAttribute("role", "presentation")
  pages.querySelectorAll("li").forEach((item) => {
    if (item.parentElement !== pages) item.parentElement.setAttribute("role", "list")
  })
})
const messages = () => document.querySelectorAll('[data-testid="stToast"]:not([aria-label])').forEach((message) => {
  message.setAttribute("aria-label", "Message")
})
const charts = () => document.querySelectorAll(".js-plotly-plot").forEach((chart) => {
  const words = chart.layout?.meta?.reading
    || ["yaxis", "xaxis"].map((axis) => chart.layout?.[axis]?.title?.text).filter(Boolean).join(" by ")
  chart.querySelectorAll("svg.main-svg").forEach((picture, place) => {
    if (place) picture.setAttribute("aria-hidden", "true")
    else if (picture.getAttribute("aria-label") !== `Chart. ${words}`) {
      picture.setAttribute("role", "img")
      picture.setAttribute("aria-label", `Chart. ${words}`)
    }
  })
})
const uploads = () => document.querySelectorAll('[data-testid="stFileUploaderDropzone"][role="presentation"]').forEach((zone) => {
  zone.setAttribute("role", "group")
  zone.setAttribute("aria-label", "Files")
})
const skip = () => {
  const link = document.createElement("a")
  link.className = "litmus-skip"
  link.href = "#"
  link.textContent = "Skip to the content"
  link.addEventListener("click", (event) => {
    event.preventDefault()
    const main = document.querySelector('[data-testid="stMain"]')
    const way = main.querySelector(".st-key-way")
    const target = [...main.querySelectorAll("h1, button, a, input, [tabindex]")].find((each) =>
      way === null ? each.tagName === "H1" : way.compareDocumentPosition(each) === Node.DOCUMENT_POSITION_FOLLOWING
    ) || main
    if (target.tabIndex < 0) target.tabIndex = -1
    target.focus()
  })
  document.querySelector(".litmus-skip")?.remove()
  document.body.prepend(link)
  return link
}
const save = (event) => {
  const button = event.target.closest?.("[data-chart]")
  const chart = button && document.querySelector(`.st-key-${button.dataset.chart} .js-plotly-plot`)
  const camera = chart?.querySelector('.modebar-btn[data-title*="Download"], .modebar-btn[data-attr="toImage"]')
  if (!camera) return
  const format = button.dataset.format
  Object.assign(chart._context.toImageButtonOptions, { format, scale: format === "png" ? 3 : 1 })
  camera.click()
}
const push = history.pushState
let due
const step = (state, title, url) => {
  clearTimeout(due)
  const from = new URL(location.href), to = new URL(url ?? location.href, location.href)
  if (to.pathname !== from.pathname) return push.call(history, state, title, url)
  const isAdding = [...from.searchParams].every(([name, value]) => to.searchParams.get(name) === value)
  if (isAdding) return history.replaceState(state, title, url)
  // Before Streamlit goes to another page it changes the choices under the old one: that is no step of its own.
  due = setTimeout(() => push.call(history, state, title, url), 400)
}
export default () => {
  history.pushState = step
  const mend = () => { lists(); charts(); uploads() }
  const link = skip()
  mend()
  messages()
  let isDue = false
  const watching = new MutationObserver(() => {
    messages()  // at once: a message is read out when it appears
    if (isDue) return
    isDue = true
    requestAnimationFrame(() => { isDue = false; mend() })
  })
  watching.observe(document.body, { childList: true, subtree: true })
  document.addEventListener("click", save)
  return () => {
    watching.disconnect()
    document.removeEventListener("click", save)
    history.pushState = push
    link.remove()
  }
}
"""


def mend_sidebar() -> None:
    """Mount the script, which also mends what is drawn anew."""
    v2.component("litmus_roles", js=MEND)(key="frame_roles", height=0)
