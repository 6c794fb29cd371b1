"""The bundled sample study: texts written for this project, recorded completions, simulated ratings."""
