"""`python -m core COMMAND ...`: the steps of a study for terminals, clusters and tests.

Only the module of the command asked for is imported, and for the list of commands none, so that the door opens quickly.
"""

import importlib
import sys

import typer

# Command -> its module in core.commands and the first sentence of its help; an empty one is not listed.
COMMANDS = {
    "run": ("whole", "Everything a STUDY.yaml asks for; finished parts are not done again."),
    "demo": ("whole", "The bundled sample study through the same code: no key, no network, no GPU."),
    "import": ("data", "Bring a file of texts and labels into an arm. `--arm real` on a new task defines its labels."),
    "generate": (
        "generating",
        "Ask an LLM for texts until every label has enough. Resumes; never pays for the same slot twice.",
    ),
    "try": (
        "trying",
        "Make a few calls with a prompt, exactly as a generation would. The answers are stored but never become samples.",
    ),
    "spent": (
        "spending",
        "What a study has cost: stored answers, batches under way, and calls whose answer never came.",
    ),
    "requests": (
        "batching",
        "Write what an arm still needs as chat requests, one JSON object a line, for a Batch API; nothing is sent.",
    ),
    "answers": ("batching", "Take in the answers to `requests`: each is stored before it is read, and none twice."),
    "batches": (
        "batching",
        "Batches of an arm that are not collected yet; `generate --batch` takes in what they answer, also after a cancel.",
    ),
    "judge": (
        "judging",
        "Ask an LLM which label fits each text, without telling it the intended one. Resumes; never pays twice.",
    ),
    "rate-by-llm": (
        "llm_rating",
        "Let LLMs rate a campaign's items as a group of their own, never mixed with people. Resumes; never pays twice.",
    ),
    "agreement": (
        "agreement",
        "How far raters agree: Krippendorff's alpha with its interval, from item_id, rater_id, label or usual names for them.",
    ),
    "aggregate": ("aggregate", "One label per item, from item_id, rater_id, label or usual names for them."),
    "rank": (
        "rank",
        "Order by Bradley-Terry and by the majority graph, from rater_id, left, right, winner (the winner has more).",
    ),
    "ratings": (
        "ratings",
        "Bring ratings of a task, or comparisons between tasks, into a study; or write a campaign's answers to a CSV file.",
    ),
    "regress": (
        "statistics",
        "Ordinary least squares with HC3 intervals, Spearman, leave-one-out and a permutation test.",
    ),
    "diversity": (
        "quality",
        "Remote clique, Chamfer distance, distinct-n, self-BLEU, duplicates; beside real texts also nearness and copies.",
    ),
    "verdict": ("statistics", ""),
    "push": (
        "sharing",
        "Send the kept texts of arms to the Hugging Face hub as Parquet with a card. Private unless --public; needs HF_TOKEN.",
    ),
    "export": ("statistics", ""),
    "report": ("statistics", ""),
    "jobs": ("work", "Background work: list it; pause, resume, cancel or retry a job; read its log."),
    "trash": ("trash", "What was put away is kept for 30 days and can be taken out again whole."),
    "measure": (
        "measuring",
        "Diversity, duplicates, copies, leakage and a map of every arm of a task, kept for the page Inspect.",
    ),
    "train-runs": ("work", ""),
}


def main(arguments: list[str]) -> None:
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    app = typer.Typer(
        help="Will LLM-written training data work for your task?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_litmus)
    if asked in COMMANDS:
        importlib.import_module(f"core.commands.{COMMANDS[asked][0]}").register(app)
    else:  # the list of commands, or a command that there is not
        for name, (_, sentence) in COMMANDS.items():
            app.command(name, help=sentence, hidden=not sentence)(_litmus)
    app(args=arguments, prog_name="python -m core")


def _litmus() -> None:
    """Litmus: will LLM-written training data work for your text-classification task?"""


if __name__ == "__main__":
    main(sys.argv[1:])
