"""Cases for the commands: every command with random arguments and options, in this process."""

import importlib
import random
import re
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from core.__main__ import COMMANDS
from tests.command_line import CommandLine
from tests.fuzz.importers import Bench

# What these do by intention takes minutes, starts background work, or opens a network connection.
LEFT_OUT = {"demo", "push", "train-runs"}
NO_OPTIONS = {"--detach", "--help", "--batch", "--replace", "--rpm"}
WORDS = [
    "", "x", "known", "few-shot", "real", "fuzz", "0", "1", "-1", "77", "nan", "inf", "1e400", "9" * 30, "a=b", "=", "good=bad", "good,bad",
    "0,1", "--", "-", "é\u202e", "\x1b[2J", "x" * 3000, "*", "../..", "/", "/dev/null", "/etc/passwd", "hf:", "hf:a/b", "openai", "local",
    "label", "text", "item_id", "minilm", "list", "retry", "http://127.0.0.1:9/v1", "http://", "true", "0.5", "[]", "{}", "NaN\n",
]  # fmt: skip

FILES = {
    "texts.csv": "text,label,split\n",
    "ratings.csv": "item_id,rater_id,label\n",
    "comparisons.csv": "rater_id,left,right,winner\n",
    "points.csv": "x,y,g\n",
    "study.yaml": "study: sheep\nstepps: 1\n",
    "answers.jsonl": '{"custom_id": "x", "response": {}}\n',
    "broken.csv": 'text,label\n"never closed,good\n',
}
for n in range(18):
    FILES["texts.csv"] += f"letter {n},{'good' if n % 2 else 'bad'},{'test' if n % 4 > 1 else 'train'}\n"
    FILES["ratings.csv"] += f"{n // 3},r{n % 3},{'good' if n % 4 else 'bad'}\n"
    FILES["comparisons.csv"] += f"r{n},{'xyz'[n % 3]},{'yzx'[n % 3]},left\n"
    FILES["points.csv"] += f"{n},{n * n % 7},{n // 2}\n"


class Calls:
    """Calls of commands in a home with a small study. `commands`: the parameters of each command."""

    def __init__(self, bench: Bench) -> None:
        self.line, self.folder = CommandLine(bench.settings.home, folder=bench.folder), bench.folder
        self.commands = {word: _parameters(word) for word in COMMANDS if word not in LEFT_OUT}
        self.files = [str(self.folder / name) for name in FILES] + [str(self.folder), str(self.folder / "missing.csv")]

    def case(self, number: int, rng: random.Random) -> tuple[int, str]:
        """Call a command; its exit code and what it wrote to stderr. Raises what the command raises."""
        for name, content in FILES.items():  # a command may have written over them
            (self.folder / name).write_text(content)
        word = list(self.commands)[number % len(self.commands)]
        out = self.folder / f"out{number}"
        arguments = [word, *self.arguments(self.commands[word], rng, str(out))]
        said = self.line(
            *arguments, OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_API_KEY="none", HF_ENDPOINT="http://127.0.0.1:9"
        )
        assert said.code in (0, 1, 2, 3), f"exit code {said.code}"
        assert "Traceback" not in said.stderr + said.stdout, "a traceback was printed"
        assert said.code == 0 or said.stderr.strip() or said.stdout.strip(), "nothing was said"
        is_begun = "start it again to go on" in said.stderr  # a generation keeps its arm and prompt
        return 3 if is_begun else said.code, said.stderr

    def arguments(self, parameters: list[Any], rng: random.Random, out: str) -> list[str]:
        found: list[str] = []
        for parameter in parameters:
            is_option = hasattr(parameter, "is_flag")
            chance = 0.97 if parameter.required else 0.15 if is_option else 0.5
            if rng.random() > chance or set(parameter.opts) & NO_OPTIONS:
                continue
            if not is_option:
                found.insert(0, self.value(parameter, rng, out))
            elif parameter.is_flag:
                found.append(rng.choice([*parameter.opts, *parameter.secondary_opts]))
            else:
                found += [parameter.opts[0], self.value(parameter, rng, out)]
        if rng.random() < 0.05:
            found.insert(rng.randrange(len(found) + 1), rng.choice(("--wrong", "extra", "-x", "--json=1")))
        return [word.replace("\x00", "") for word in found]

    def value(self, parameter: Any, rng: random.Random, out: str) -> str:
        kind = str(parameter.type_descriptor.annotation)
        choices = (
            re.findall(r"'([^']+)'", kind) if "Literal" in kind else _members(parameter.type_descriptor.annotation)
        )
        turn = rng.random()
        if choices and turn < 0.8:
            return rng.choice(choices)
        if ("int" in kind or "float" in kind) and turn < 0.6:
            return rng.choice(("0", "1", "2", "5", "-1", "0.5", "1000000", "1e9"))
        name = parameter.name or ""
        if name in ("task", "arm", "study", "campaign") and turn < 0.6:
            return {"task": "known", "arm": "mine", "study": "fuzz", "campaign": "1"}[name]
        if turn < 0.75:
            return rng.choice([*self.files, out])
        return rng.choice(WORDS)


def _members(annotation: Any) -> list[str]:
    """The values of an enumeration; [] for any other type."""
    return (
        [str(member.value) for member in annotation]
        if isinstance(annotation, type) and issubclass(annotation, Enum)
        else []
    )


def _parameters(word: str) -> list[Any]:
    app = typer.Typer()
    app.callback()(lambda: None)
    importlib.import_module(f"core.commands.{COMMANDS[word][0]}").register(app)
    group: Any = typer.main.get_command(app)
    return list(group.commands[word].params)


def is_file_left(folder: Path) -> bool:
    """Whether a refused command left something it had begun to write, such as a file that ends in .part."""
    return any(path.suffix in (".part", ".tmp") for path in folder.rglob("*"))
