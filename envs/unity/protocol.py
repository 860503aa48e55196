"""Makes Unity's own Python client, mlagents-envs, importable beside a current protobuf.

Release 0.28 is the newest that installs on Python 3.11, and its generated message modules refuse protobuf 4 and later.
The descriptors inside them are sound: they are read from the installed files as data, never executed, and the message
classes are built from them before the client is imported. A release whose modules import by themselves is left alone.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import types
from pathlib import Path

PACKAGE = "mlagents_envs.communicator_objects"
SUFFIX = "_pb2"


class ProtocolError(ImportError):
    """The installed mlagents-envs is missing, or is made in a way that this module does not know."""


def install() -> None:
    """Make every message module of the installed client importable. Doing it twice is allowed."""
    if f"{PACKAGE}.unity_message{SUFFIX}" in sys.modules:
        return
    files = sorted(_folder().glob(f"*{SUFFIX}.py"))
    if not files:
        raise ProtocolError(f"no message modules in {PACKAGE}: this mlagents-envs is not one that ludus knows (0.28)")
    described = {file.stem: _descriptor(file) for file in files}
    if all(d is None for d in described.values()):  # a newer release, made by a newer protoc
        return
    missing = [name for name, d in described.items() if d is None]
    if missing:
        raise ProtocolError(f"{PACKAGE}.{missing[0]} holds no serialized_pb: ludus knows mlagents-envs 0.28")
    _build({name: d for name, d in described.items() if d is not None})


def _folder() -> Path:
    try:
        found = importlib.util.find_spec(PACKAGE)
    except ImportError:
        found = None
    if found is None or not found.submodule_search_locations:
        raise ProtocolError("Unity's client is not installed: pip install 'mlagents-envs==0.28.0'")
    return Path(found.submodule_search_locations[0])


def _descriptor(file: Path) -> bytes | None:
    """The serialized FileDescriptorProto that a generated module passes as serialized_pb; None where it has none."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "serialized_pb":
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            text = ast.literal_eval(value)
            return text.encode("latin1") if isinstance(text, str) else text
    return None


def _build(described: dict[str, bytes]) -> None:
    """Add the descriptors to the pool, dependencies first, and put modules of their messages in sys.modules."""
    from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool  # noqa: F401  one message holds an Any

    pool = descriptor_pool.Default()
    files = {name: descriptor_pb2.FileDescriptorProto.FromString(data) for name, data in described.items()}
    by_path = {file.name: name for name, file in files.items()}
    done: set[str] = set()

    def add(name: str) -> None:
        if name not in done:
            done.add(name)
            for path in files[name].dependency:
                if path in by_path:
                    add(by_path[path])
            _module(name, pool.AddSerializedFile(described[name]))

    for name in files:
        add(name)


def _module(name: str, descriptor) -> None:
    from google.protobuf.internal import builder

    path = f"{PACKAGE}.{name}"
    module = types.ModuleType(path)
    builder.BuildMessageAndEnumDescriptors(descriptor, module.__dict__)
    builder.BuildTopDescriptorsAndMessages(descriptor, path, module.__dict__)
    sys.modules[path] = module
    setattr(importlib.import_module(PACKAGE), name, module)


def message():
    """A new UnityMessageProto."""
    return importlib.import_module(f"{PACKAGE}.unity_message{SUFFIX}").UnityMessageProto()


install()
