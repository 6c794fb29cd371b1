"""Run a command from a terminal: `python -m core COMMAND ...`.

Only the module of the requested command is imported, and no module for the list of commands, so that both start quickly.
"""

import atexit
import gc
import importlib
import sys

import typer

RARELY = (100_000, 20, 20)  # garbage collections; Python's own numbers cost a fifth of the time of large imports

# Command -> its module in core.commands and the first sentences of its help; a command without a sentence is not listed.
COMMANDS = {
    "run": ("run", "Do everything that a STUDY.yaml asks for; finished parts are not done again."),
    "demo": ("run", "Run the bundled sample study: no key, no network, no GPU."),
    "import": (
        "import_",
        "Import a file of texts and labels into an arm; with `--arm real`, a new task gets its labels. Or a whole study of `export`.",
    ),
    "generate": (
        "llm.generate",
        "Ask an LLM for texts until every label has enough. Resumes; never pays for the same call twice.",
    ),
    "try": (
        "llm.try_",
        "Make a few calls with a prompt, like the calls of a generation. The answers are stored but never become samples.",
    ),
    "spent": (
        "llm.spent",
        "Show what a study has cost: stored answers, batches under way, and calls whose answer never arrived.",
    ),
    "requests": (
        "llm.batches",
        "Write the requests that an arm still needs to a file for a Batch API, one JSON object a line; nothing is sent.",
    ),
    "answers": (
        "llm.batches",
        "Import the answers to `requests`: each answer is stored before it is read, and no answer twice.",
    ),
    "batches": (
        "llm.batches",
        "List the batches of an arm that are not collected yet; `generate --batch` imports their answers, also after a cancel.",
    ),
    "judge": (
        "llm.judge",
        "Ask an LLM which label fits each text, without telling the LLM the intended label. Resumes; never pays twice.",
    ),
    "contamination": (
        "llm.contamination",
        "Ask an LLM to complete real test texts, with and without the name of the data set. Resumes; never pays twice.",
    ),
    "rate-by-llm": (
        "llm.rate_by_llm",
        "Let LLMs rate a campaign's items as a group of their own, never mixed with people. Resumes; never pays twice.",
    ),
    "agreement": (
        "files.agreement",
        "Compute Krippendorff's alpha with its interval. Columns: item_id, rater_id, label, or usual names for these.",
    ),
    "aggregate": (
        "files.aggregate",
        "Aggregate ratings to one label per item. Columns: item_id, rater_id, label, or usual names for these.",
    ),
    "rank": (
        "files.rank",
        "Rank compared things by Bradley-Terry and by the majority graph. Columns: rater_id, left, right, winner (who has more).",
    ),
    "ratings": (
        "ratings",
        "Import ratings of a task, or comparisons between tasks, into a study; or export a campaign's answers to a CSV file.",
    ),
    "regress": (
        "files.regress",
        "Regress one column on another: least squares with HC3 intervals, Spearman, leave-one-out and a permutation test.",
    ),
    "diversity": (
        "files.diversity",
        "Measure the diversity of texts: remote clique, Chamfer distance, distinct-n, self-BLEU, duplicates; copies of real texts.",
    ),
    "verdict": (
        "verdict",
        "The gap to expect from training on synthetic texts, with an 80 % prediction interval, and what to do.",
    ),
    "curve": (
        "curve",
        "Train a task's learning curve, and say how many real texts its synthetic texts are worth.",
    ),
    "compare": (
        "compare",
        "Compare the arms of a task: differences with intervals, as good as real or not, classes, worth, costs, stability.",
    ),
    "plan": (
        "plan",
        "Plan the cheapest mix of tasks, seeds, test texts and ratings that answers a question, with its minutes and dollars.",
    ),
    "freeze": (
        "trust.freeze",
        "Freeze a study's plan with its hash and date, before the results. A plan never changes: a new one is a new version.",
    ),
    "near-duplicates": (
        "trust.near_duplicates",
        "Find real test texts with a near-duplicate in another real split; on request move whole groups to one side.",
    ),
    "baselines": (
        "trust.baselines",
        "Fit TF-IDF and embeddings with logistic regression on the texts of every arm, and score them, the commonest label and LLMs.",
    ),
    "push": (
        "push",
        "Send the texts of arms, or the kept model of a run, to the Hugging Face hub with a card. Private unless --public; needs HF_TOKEN.",
    ),
    "export": (
        "sharing.export",
        "Write a whole study as open files, one for each kind of row, with a manifest; `import DIR` reads them back.",
    ),
    "report": (
        "sharing.report",
        "Write the paper pack: report, tables, figures, methods, prompts, cards, and a study.yaml that redoes it.",
    ),
    "jobs": (
        "jobs",
        "List background jobs; pause, resume, cancel, retry or clone a job, or retry all failed jobs; read a job's log.",
    ),
    "trash": (
        "trash",
        "List, fill and empty the trash. A study or task in the trash is kept for 30 days and can be restored whole.",
    ),
    "measure": (
        "measure",
        "Measure diversity, duplicates, copies and leakage of every arm of a task, for the page Inspect.",
    ),
    "models": (
        "llm.models",
        "Add, list and remove small language models that run on this machine, and keep, list and remove the models of runs.",
    ),
    "backup": (
        "upkeep.backup",
        "Write a verified copy of the whole home into one file, while it is in use; `restore` reads it back.",
    ),
    "restore": (
        "upkeep.backup",
        "Restore a home from the file of `backup`, after every checksum in it was compared; LITMUS_HOME must be empty.",
    ),
    "doctor": (
        "upkeep.doctor",
        "Say what is wrong with a home and how to mend it; exit code 1 if something is wrong. Nothing is changed.",
    ),
    "train-runs": ("jobs", ""),
}


def main(arguments: list[str], *, name: str = "python -m core") -> None:
    """Run one command; the help shows `name` as the name of the program."""
    gc.set_threshold(*RARELY)
    atexit.register(gc.freeze)  # what is left at the end goes with the process
    command = next((argument for argument in arguments if not argument.startswith("-")), None)
    app = typer.Typer(
        help="Will LLM-written training data work for your task?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_litmus)
    if command in COMMANDS:
        importlib.import_module(f"core.commands.{COMMANDS[command][0]}").register(app)
    else:  # the list of commands, or an unknown command
        for word, (_, sentence) in COMMANDS.items():
            app.command(word, help=sentence, hidden=not sentence)(_litmus)
    app(args=arguments, prog_name=name)


def _litmus() -> None:
    """Litmus: will LLM-written training data work for your text-classification task?"""


if __name__ == "__main__":
    main(sys.argv[1:])
