"""Who instructs, by name."""

from .fixed import Fixed
from .instructor import Instructor
from .script import Script

INSTRUCTORS: dict[str, type[Instructor]] = {"fixed": Fixed, "script": Script}
