"""Run a command from a terminal: `python -m core COMMAND ...`.

Only the module of the named command is imported, and no module of a command for the list of commands, so that the
program starts quickly.
"""

import importlib
import sys

import typer

# Command -> its module in core.commands and the first sentence of its help; a command without a sentence is not listed.
COMMANDS = {
    "run": ("run", "Everything a STUDY.yaml asks for; finished parts are not done again."),
    "demo": ("run", "The bundled sample study through the same code: no key, no network, no GPU."),
    "import": (
        "import_",
        "Bring a file of texts and labels into an arm. `--arm real` on a new task defines its labels.",
    ),
    "generate": (
        "llm.generate",
        "Ask an LLM for texts until every label has enough. Resumes; never pays for the same slot twice.",
    ),
    "try": (
        "llm.try_",
        "Make a few calls with a prompt, exactly as a generation would. The answers are stored but never become samples.",
    ),
    "spent": (
        "spent",
        "What a study has cost: stored answers, batches under way, and calls whose answer never came.",
    ),
    "requests": (
        "llm.batches",
        "Write what an arm still needs as chat requests, one JSON object a line, for a Batch API; nothing is sent.",
    ),
    "answers": ("llm.batches", "Take in the answers to `requests`: each is stored before it is read, and none twice."),
    "batches": (
        "llm.batches",
        "Batches of an arm that are not collected yet; `generate --batch` takes in what they answer, also after a cancel.",
    ),
    "judge": (
        "llm.judge",
        "Ask an LLM which label fits each text, without telling it the intended one. Resumes; never pays twice.",
    ),
    "rate-by-llm": (
        "llm.rate_by_llm",
        "Let LLMs rate a campaign's items as a group of their own, never mixed with people. Resumes; never pays twice.",
    ),
    "agreement": (
        "files.agreement",
        "How far raters agree: Krippendorff's alpha with its interval, from item_id, rater_id, label or usual names for them.",
    ),
    "aggregate": ("files.aggregate", "One label per item, from item_id, rater_id, label or usual names for them."),
    "rank": (
        "files.rank",
        "Order by Bradley-Terry and by the majority graph, from rater_id, left, right, winner (the winner has more).",
    ),
    "ratings": (
        "ratings",
        "Bring ratings of a task, or comparisons between tasks, into a study; or write a campaign's answers to a CSV file.",
    ),
    "regress": (
        "files.regress",
        "Ordinary least squares with HC3 intervals, Spearman, leave-one-out and a permutation test.",
    ),
    "diversity": (
        "files.diversity",
        "Remote clique, Chamfer distance, distinct-n, self-BLEU, duplicates; beside real texts also nearness and copies.",
    ),
    "verdict": (
        "verdict",
        "The gap to expect from training on synthetic texts, with an 80 % prediction interval, and what to do.",
    ),
    "push": (
        "push",
        "Send the kept texts of arms to the Hugging Face hub as Parquet with a card. Private unless --public; needs HF_TOKEN.",
    ),
    "export": ("files.regress", ""),
    "report": ("files.regress", ""),
    "jobs": ("jobs", "Background work: list it; pause, resume, cancel or retry a job; read its log."),
    "trash": ("trash", "What was put away is kept for 30 days and can be taken out again whole."),
    "measure": (
        "measure",
        "Diversity, duplicates, copies, leakage and a map of every arm of a task, kept for the page Inspect.",
    ),
    "train-runs": ("jobs", ""),
}


def main(arguments: list[str], *, name: str = "python -m core") -> None:
    """Run one command; `name` is the name of the program in the help."""
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
    else:  # the list of commands, or an unknown command
        for word, (_, sentence) in COMMANDS.items():
            app.command(word, help=sentence, hidden=not sentence)(_litmus)
    app(args=arguments, prog_name=name)


def _litmus() -> None:
    """Litmus: will LLM-written training data work for your text-classification task?"""


if __name__ == "__main__":
    main(sys.argv[1:])
