"""The reference in docs/reference, made from the code: commands with their options, keys of a study file, stored records.

python -m tests.reference        # write it anew; a test says when it is out of date
"""

import importlib
import inspect
import typing
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any

import pydantic
import typer

from core.__main__ import COMMANDS
from core.study import spec
from core.study.exchange.data_set import exporting
from core.study.rows import baselines, sessions, study  # noqa: F401  (their tables are described)
from core.study.rows.base import Base
from core.training.settings import TrainingSettings

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
MADE = "Made from the code by `python -m tests.reference`.\n"
FILE_ONLY = ("help",)


def pages() -> dict[str, str]:
    """File name -> content of every page of the reference."""
    return {"commands.md": commands(), "study-file.md": study_file(), "records.md": records()}


def commands() -> str:
    """Every listed command: what it does, its arguments and its options."""
    parts = ["# Commands\n", MADE, "`litmus COMMAND` and `python -m core COMMAND` are the same.\n"]
    for name, (module, said) in COMMANDS.items():
        if said:
            parts += [f"## {name}\n", f"{said}\n", _options(_command(name, module))]
    return "\n".join(parts)


def _command(name: str, module: str) -> Any:
    app = typer.Typer()
    app.callback()(lambda: None)
    importlib.import_module(f"core.commands.{module}").register(app)
    group: Any = typer.main.get_command(app)
    return group.commands[name]


def _options(command: Any) -> str:
    inner = getattr(command, "commands", None)
    if inner:
        return "\n".join(f"### {command.name} {name}\n\n{_options(each)}" for name, each in inner.items())
    rows = [_row(parameter) for parameter in command.params if parameter.name not in FILE_ONLY]
    if not rows:
        return "No options.\n"
    return "\n".join(["| option | value | meaning |", "|---|---|---|", *rows, ""])


def _row(parameter: Any) -> str:
    is_argument = isinstance(parameter, typer.core.TyperArgument)
    name = (
        parameter.metavar or parameter.name.upper()
        if is_argument
        else ", ".join(parameter.opts + parameter.secondary_opts)
    )
    value = "" if getattr(parameter, "is_flag", False) else _kind(parameter.type_descriptor.annotation)
    if parameter.required:
        value += "; needed"
    elif parameter.default not in (None, False, (), []) and not callable(parameter.default):
        value += f"; default {parameter.default}"
    if getattr(parameter, "multiple", False):
        value += "; may be repeated"
    return f"| `{name}` | {_cell(value.removeprefix('; '))} | {_cell(parameter.help or '')} |"


def study_file() -> str:
    """Every key of a study file, by the part that it belongs to."""
    parts = [
        "# The study file\n",
        MADE,
        "Paths are relative to the file. An unknown key is an error that names the nearest known key.\n",
    ]
    models = [spec.StudySpec, TrainingSettings, spec.TaskSpec, spec.FileSpec, spec.ArmSpec, spec.GenerateSpec]
    for model in [*models, spec.PromptSpec, spec.RatingsSpec, spec.CurveSpec]:
        words = " ".join((inspect.getdoc(model) or "").split())
        parts += [
            f"## {model.__name__.removesuffix('Spec')}\n",
            f"{words}\n",
            "| key | value | default |",
            "|---|---|---|",
        ]
        parts += [
            f"| `{field.alias or name}` | {_cell(_kind(field.annotation))} | {_default(field)} |"
            for name, field in model.model_fields.items()
        ]
        parts.append("")
    return "\n".join(parts)


def _kind(annotation: Any) -> str:
    """A type in words that a reader of YAML knows."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{each.value}`" for each in annotation)
    if origin is typing.Annotated:
        return _kind(inside[0])
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in inside)
    if origin in (list, tuple):
        return f"list of {_kind(inside[0])}"
    if origin is dict:
        return f"mapping to {_kind(inside[1])}"
    if inside and origin is not None:
        return " or ".join(dict.fromkeys(_kind(each) for each in inside if each is not NoneType))
    names = {str: "text", int: "whole number", float: "number", bool: "yes or no", Path: "path"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).removesuffix("Spec"))


def _default(field: pydantic.fields.FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "" if value is None or isinstance(value, pydantic.BaseModel) else f"`{value}`"


def records() -> str:
    """Every stored table with its columns, and the columns of an export of texts."""
    parts = [
        "# Stored records\n",
        MADE,
        "Times are seconds since 1970 (UTC). Means, agreement, gaps and fits are never stored.\n",
    ]
    for mapper in sorted(Base.registry.mappers, key=lambda each: each.class_.__name__):
        words = " ".join((inspect.getdoc(mapper.class_) or "").split())
        parts += [f"## {mapper.class_.__name__}\n", f"{words}\n", "| column | type | refers to |", "|---|---|---|"]
        for column in mapper.local_table.columns:
            target = ", ".join(key.target_fullname for key in column.foreign_keys)
            optional = " or empty" if column.nullable else ""
            parts.append(f"| `{column.name}` | {type(column.type).__name__.lower()}{optional} | {target} |")
        parts.append("")
    parts += ["## Columns of exported texts\n", "| column | type |", "|---|---|"]
    parts += [f"| `{field.name}` | {field.type} |" for field in exporting.SCHEMA]
    return "\n".join([*parts, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, content in pages().items():
        (FOLDER / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
