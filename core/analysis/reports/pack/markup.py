"""Tables and texts as LaTeX (booktabs) and as Markdown, with every special character escaped."""

import re
from collections.abc import Sequence

from core.analysis.reports.pack.tables import PaperTable
from core.wording import markdown_text

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "–": "--",
    "−": r"\textminus{}", "²": r"\textsuperscript{2}", "[": "{[}", "]": "{]}", "*": "{*}", "†": r"\dag{}", '"': r"\textquotedbl{}",
}  # fmt: skip
PREAMBLE = (
    "% Needs \\usepackage{booktabs}, \\usepackage[T1]{fontenc} and UTF-8; \\usepackage{graphicx} for the figures."
)
OTHER_SCRIPTS = (
    "% Holds letters that \\usepackage[T1]{fontenc} has not: "
    "it needs LuaLaTeX or XeLaTeX with a font for their script, without fontenc."
)
LAST_OF_T1, MORE_OF_T1 = "\u017f", set("ȘșȚț–—‘’‚“”„‹›…‰†‡•€™")


def latex_text(words: str) -> str:
    """Words on one line as LaTeX prints them; brackets and stars stand in braces, or a line break before them would take them."""
    return "".join(LATEX.get(sign, sign) for sign in " ".join(words.split()))


def latex_table(table: PaperTable) -> str:
    """A floating table with booktabs rules, its caption above and a label."""
    align = "l" * table.texts + "r" * (len(table.columns) - table.texts)
    lines = [" & ".join(map(latex_text, row)) + r" \\" for row in table.rows]
    head = " & ".join(map(latex_text, table.columns)) + r" \\"
    return "\n".join(
        [
            r"\begin{table*}[t]", r"\centering\small", rf"\caption{{{latex_text(table.caption)}}}", rf"\label{{tab:{table.name}}}",
            rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *lines, r"\bottomrule", r"\end{tabular}", r"\end{table*}",
        ]
    )  # fmt: skip


def latex(tables: Sequence[PaperTable]) -> str:
    """All tables as one file to \\input."""
    return with_head("\n\n".join([PREAMBLE, *map(latex_table, tables)]) + "\n")


def with_head(content: str) -> str:
    """The content of a LaTeX file, below a comment on the engine and font that it needs if T1 has not all of its letters."""
    is_t1 = all(sign <= LAST_OF_T1 or sign in MORE_OF_T1 for sign in content)
    return content if is_t1 else f"{OTHER_SCRIPTS}\n{content}"


def markdown_table(table: PaperTable) -> str:
    """A table with its caption above."""
    rules = ["---"] * table.texts + ["---:"] * (len(table.columns) - table.texts)
    lines = [" | ".join(map(markdown_text, row)) for row in table.rows]
    head = " | ".join(map(markdown_text, table.columns))
    body = "\n".join(f"| {line} |" for line in (head, " | ".join(rules), *lines))
    return f"**{markdown_text(table.caption)}**\n\n{body}"


def markdown(tables: Sequence[PaperTable], *, title: str) -> str:
    """All tables as one document."""
    return "\n\n".join([f"# {markdown_text(title)}", *map(markdown_table, tables)]) + "\n"


def fenced(words: str) -> str:
    """A text as a block of code that no backticks inside it can end."""
    longest = max((len(run) for run in re.findall("`+", words)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{words.strip()}\n{fence}"
