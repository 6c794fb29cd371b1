"""The command `litmus`: opens the dashboard, or runs the command `python -m core NAME` if a name follows."""

import sys


def main() -> None:
    arguments = sys.argv[1:]
    if arguments and not (arguments[0].startswith("--") and arguments[0] != "--help"):
        from core.__main__ import main as command

        command(arguments, name="litmus")
        return
    from ui import serve  # loads Streamlit, which commands do not need

    serve.main()


if __name__ == "__main__":
    main()
