"""For the reference: a docstring's lines "name: what it is" become paragraphs of their own."""

import re

import griffe

ENTRY = re.compile(r"^(?=[\w*][\w *,./()-]{0,60}: )", re.MULTILINE)


class Paragraphs(griffe.Extension):
    """Reads every docstring as it was written and changes how Markdown sees it, nothing else."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        if obj.docstring:
            first, _, rest = obj.docstring.value.partition("\n")
            obj.docstring.value = f"{first}\n{ENTRY.sub(chr(10), rest)}"
