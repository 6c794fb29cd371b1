"""`python -m core COMMAND ...`: the steps of a study for terminals, clusters and tests.

Only the module of the command asked for is imported, so that a short command stays quick.
"""

import importlib
import sys

import typer

COMMANDS = {
    "run": "whole",
    "demo": "whole",
    "import": "data",
    "generate": "generating",
    "try": "trying",
    "spent": "spending",
    "requests": "batching",
    "answers": "batching",
    "batches": "batching",
    "judge": "judging",
    "rate-by-llm": "llm_rating",
    "agreement": "people",
    "aggregate": "people",
    "rank": "people",
    "ratings": "people",
    "regress": "statistics",
    "diversity": "quality",
    "verdict": "statistics",
    "push": "sharing",
    "export": "statistics",
    "report": "statistics",
    "jobs": "work",
    "trash": "trash",
    "measure": "measuring",
    "train-runs": "work",
}


def main(arguments: list[str]) -> None:
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    wanted = [COMMANDS[asked]] if asked in COMMANDS else list(dict.fromkeys(COMMANDS.values()))
    app = typer.Typer(
        help="Will LLM-written training data work for your task?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_litmus)
    for name in wanted:
        importlib.import_module(f"core.commands.{name}").register(app)
    app(args=arguments, prog_name="python -m core")


def _litmus() -> None:
    """Litmus: will LLM-written training data work for your text-classification task?"""


if __name__ == "__main__":
    main(sys.argv[1:])
