"""The command `litmus`: alone it opens the dashboard, with a word after it it is `python -m core`."""

import sys


def main() -> None:
    arguments = sys.argv[1:]
    if arguments and not (arguments[0].startswith("--") and arguments[0] != "--help"):
        from core.__main__ import main as command

        command(arguments, name="litmus")
        return
    from ui import serve  # with Streamlit, which commands do not need

    serve.main()


if __name__ == "__main__":
    main()
