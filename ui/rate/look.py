"""CSS and JavaScript of the rating page: layout, focus, keyboard shortcuts, the code to copy."""

import streamlit as st
from streamlit.components import v2

# The buttons of a new item ignore the pointer for 0.35 s, so that the second half of a double click answers nothing.
CSS = """<style>
.stMainBlockContainer { padding: 1rem 1rem 1.5rem; }
.stAppHeader { background: transparent; pointer-events: none; }
.stAppHeader * { pointer-events: auto; }
.st-key-rate h1 { font-size: 1.6rem; line-height: 1.25; padding: 0.25rem 0; overflow-wrap: anywhere; }
.st-key-rate [data-testid="stText"] {
  font-family: inherit; font-size: 1.06rem; line-height: 1.55; white-space: pre-wrap; overflow-wrap: anywhere;
}
.st-key-rate button, .st-key-rate a[data-testid="stBaseLinkButton-primary"] { min-height: 3rem; }
button[data-testid^="stBaseButton-primary"], a[data-testid^="stBaseLinkButton-primary"] { background: #0F766E; color: #FFF; }
.st-key-rate kbd { color: inherit; opacity: 0.8; }
.st-key-rate button:focus-visible, .st-key-rate a:focus-visible, .st-key-rate summary:focus-visible {
  outline: 3px solid #0D9488; outline-offset: 2px;
}
.st-key-rate [data-testid="stRadioOption"] { padding-block: 0.6rem; }
.st-key-rate [data-testid="stText"], .st-key-rate h1 { text-align: start; }
.st-key-rate [data-testid="stText"], .st-key-rate .stElementContainer:has(> [data-testid="stText"]) { width: 100%; }
.st-key-rate h1 > *, .st-key-rate_answers [data-testid="stMarkdownContainer"] { flex: 1 1 auto; }
.st-key-rate_memory { display: none; }
.st-key-rate_browser { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.st-key-rate_end_browser { min-height: 3rem; }
.st-key-rate_item { min-height: min(calc(100dvh - 3rem), 42rem); }
.st-key-rate_item h1 { font-size: 1.2rem; line-height: 1.35; padding: 0.25rem 0 0.6rem; }
.st-key-rate_text:focus { outline: none; }
.st-key-rate_text [data-testid="stText"] { font-size: 1.2rem; line-height: 1.6; }
.st-key-rate_top [data-testid="stProgress"] p { font-variant-numeric: tabular-nums; }
[data-testid="stLayoutWrapper"]:has(> .st-key-rate_bottom) { margin-top: auto; }
.st-key-rate_answers { gap: 0.5rem; }
.st-key-rate_answers button { min-height: 3.4rem; text-align: start; }
.st-key-rate_answers button > *, .st-key-rate_answers button > * > span { width: 100%; justify-content: space-between; }
.st-key-rate_turn_0 button { animation: rate-even 0.35s; }
.st-key-rate_turn_1 button { animation: rate-odd 0.35s; }
.st-key-rate_row .st-key-rate_answers { flex-direction: row; }
.st-key-rate_row .st-key-rate_answers > * { flex: 1 1 0; min-width: 0; }
.st-key-rate_ways button { min-width: 3.5rem; }
.st-key-rate_answers strong { font-size: 1.06rem; }
.st-key-rate_answers p { overflow-wrap: anywhere; }
@keyframes rate-even { from, 99% { pointer-events: none; } to { pointer-events: auto; } }
@keyframes rate-odd { from, 99% { pointer-events: none; } to { pointer-events: auto; } }
@media (max-width: 640px), (hover: none) { .st-key-rate [aria-label^="Shortcut"] { display: none; } }
@media (min-height: 560px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-rate_bottom .st-key-rate_few) {
    position: sticky; bottom: 0; z-index: 5; background: var(--rate-back, Canvas);
    box-shadow: 0 -0.6rem 0.6rem -0.3rem var(--rate-back, Canvas); padding: 0.5rem 0 max(0.25rem, env(safe-area-inset-bottom));
  }
}
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 0.5rem 0.75rem 0; }
  .st-key-rate_item { min-height: calc(100dvh - 0.75rem); gap: 0.6rem; }
  .st-key-rate_text [data-testid="stText"] { font-size: 1.15rem; line-height: 1.5; }
  .st-key-rate_item h1 { font-size: 1.12rem; }
  .st-key-rate_row .st-key-rate_answers button { min-height: 4rem; }
  /* The answers about a pair come after both texts: fixed at the foot, they would hide the second text. */
  [data-testid="stLayoutWrapper"]:has(> .st-key-rate_bottom .st-key-rate_row) { position: static; }
}
@media (prefers-reduced-motion: reduce) { .st-key-rate * { transition: none !important; } }
</style>"""

# For every new item: scroll to its beginning, move the keyboard focus there, and announce its number to screen readers.
# Keys held down answer nothing. Streamlit disables the buttons while the server cannot be reached, and a click shortly
# before or during that time is lost, so the page is told.
ITEM = """
const MOMENT = 350
const DIGIT = /^[1-9]$/
let shown = null, ready = 0, wasAway = false
const isShortcut = (event) => DIGIT.test(event.key) || (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey))
const hold = (event) => {
  const place = document.querySelector(".st-key-rate_answers")
  if (place && isShortcut(event) && (event.repeat || performance.now() < ready)) event.stopImmediatePropagation()
}
export default ({ data, parentElement, setTriggerValue }) => {
  const said = parentElement.querySelector("[role=status]")
  const watch = new MutationObserver(() => {
    const isAway = document.querySelector(".st-key-rate_answers button:disabled") !== null
    if (wasAway && !isAway) setTriggerValue("lost", true)
    wasAway = isAway
  })
  watch.observe(document.querySelector(".st-key-rate"), { subtree: true, attributes: true, attributeFilter: ["disabled"] })
  if (shown !== data.item) {
    const isFirst = shown === null
    shown = data.item
    ready = performance.now() + MOMENT
    said.textContent = data.said
    const back = getComputedStyle(document.querySelector(".stApp")).backgroundColor
    document.documentElement.style.setProperty("--rate-back", back)
    document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0 })
    requestAnimationFrame(() => {
      const text = document.querySelector(".st-key-rate_text")
      const at = document.activeElement
      text?.setAttribute("tabindex", "-1")
      if (!isFirst && text && (!at || at === document.body || !at.isConnected)) text.focus({ preventScroll: true })
    })
  }
  window.addEventListener("keydown", hold, true)
  return () => {
    watch.disconnect()
    window.removeEventListener("keydown", hold, true)
  }
}
"""

END_HTML = """<div class="row">
  <button type="button" class="copy">Copy the code</button>
  <span class="count" role="status"></span>
  <button type="button" class="stay" hidden>Stay here</button>
</div>"""
END_CSS = """
.row { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: center; font-family: var(--st-font); }
button { min-height: 3rem; padding: 0 1rem; font: inherit; cursor: pointer; color: var(--st-text-color);
  background: transparent; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 0.5rem); }
button:focus-visible { outline: 3px solid #0D9488; outline-offset: 2px; }
.count { color: var(--st-text-color); }
[hidden] { display: none; }
"""
END = """
const copied = async (text) => {
  try { await navigator.clipboard.writeText(text); return true } catch {}
  const field = document.createElement("textarea")
  field.value = text
  document.body.append(field)
  field.select()
  const worked = document.execCommand("copy")
  field.remove()
  return worked
}
export default ({ data, parentElement }) => {
  const [copy, stay] = [parentElement.querySelector(".copy"), parentElement.querySelector(".stay")]
  const count = parentElement.querySelector(".count")
  copy.onclick = async () => { copy.textContent = (await copied(data.code)) ? "Copied" : "Please copy it by hand" }
  if (!data.seconds) return
  let left = data.seconds
  const tell = () => { count.textContent = `You return automatically in ${left} s.` }
  const stop = () => { clearInterval(clock); count.textContent = ""; stay.hidden = true }
  const clock = setInterval(() => {
    left -= 1
    tell()
    if (left <= 0) { clearInterval(clock); location.assign(data.url) }
  }, 1000)
  stay.hidden = false
  stay.onclick = stop
  tell()
  return () => clearInterval(clock)
}
"""


def page() -> None:
    """Add the rating page's CSS; called once per run."""
    st.html(CSS)


def item(item_id: int, said: str) -> bool:
    """Tell the browser which item is shown, and announce `said` to screen readers; draws nothing visible.

    True if the browser lost the connection to the server while it showed this item.
    """
    with st.container(key="rate_browser"):
        found = v2.component("litmus_rating_item", html='<p role="status"></p>', js=ITEM)(
            key="rate.browser",
            data={"item": item_id, "said": said},
            on_lost_change=lambda: None,
        )
    return bool(found.get("lost"))


def end(code: str, *, url: str, seconds: int) -> None:
    """Draw a button that copies the code. If `seconds` is not 0, the browser opens `url` by itself after that time."""
    with st.container(key="rate_end_browser"):
        v2.component("litmus_rating_end", html=END_HTML, css=END_CSS, js=END)(
            key="rate.end", data={"code": code, "url": url, "seconds": seconds}
        )
