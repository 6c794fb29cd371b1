"""The command `litmus`: without a subcommand it opens the dashboard, with one it runs `python -m core SUBCOMMAND`."""

import sys


def main() -> None:
    """Run the subcommand of the command line, or open the dashboard."""
    arguments = sys.argv[1:]
    if arguments and not (arguments[0].startswith("--") and arguments[0] != "--help"):
        from core.__main__ import main as run_command

        run_command(arguments, name="litmus")
        return
    from ui import serve  # imports Streamlit, which subcommands do not need

    serve.main()


if __name__ == "__main__":
    main()
