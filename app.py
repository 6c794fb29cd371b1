"""Litmus: will LLM-written training data work for your text-classification task?"""

import ui

page = ui.draw_frame()
page.run()
