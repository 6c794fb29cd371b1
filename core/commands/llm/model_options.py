"""Shared options of commands that call a model: which model, and the settings of calls."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    list[str] | None, typer.Option("--model", help="Repeat it to mix models; NAME@URL asks another endpoint.")
]
ProviderName = Annotated[
    str, typer.Option("--provider", help="openai (any OpenAI-compatible endpoint), local or recorded.")
]
AskedProvider = Annotated[str, typer.Option("--provider", help="openai (any OpenAI-compatible endpoint) or local.")]
BaseUrl = Annotated[str | None, typer.Option(help="Default: OPENAI_BASE_URL.")]
Recordings = Annotated[Path | None, typer.Option(help="Recorded completions, for --provider recorded.")]
Temperature = Annotated[float | None, typer.Option(min=0, help="Default: the model's own.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="The most tokens of an answer.")]
Concurrency = Annotated[int, typer.Option(min=1, max=512, help="Calls at a time.")]
Rpm = Annotated[float | None, typer.Option(min=0.1, help="The most requests a minute.")]
Timeout = Annotated[
    float | None,
    typer.Option(min=0.1, help="Seconds for one answer; a late answer is asked for once more at most. Default: 600."),
]
Structured = Annotated[
    bool, typer.Option("--structured", help="Ask for JSON by a schema, if the endpoint offers that.")
]
BudgetUsd = Annotated[float | None, typer.Option("--budget", min=0, help="Stop before spending more, in US dollars.")]
Detach = Annotated[bool, typer.Option("--detach", help="Queue a job and return.")]
