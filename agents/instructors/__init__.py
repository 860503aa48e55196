"""Who instructs, by name."""

from .fixed import Fixed
from .instructor import Instructor
from .language_model import LanguageModel
from .script import Script

INSTRUCTORS: dict[str, type[Instructor]] = {"fixed": Fixed, "script": Script, "language-model": LanguageModel}
