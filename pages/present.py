"""Present: slides in big type for a room, which move by themselves while answers and runs come in"""

import ui

study = ui.guard("viewer")
ui.show_notice()
ui.present(study)
