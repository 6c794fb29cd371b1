"""The sample study: texts written for this project, recorded answers, simulated raters."""
