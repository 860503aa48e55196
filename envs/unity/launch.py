"""Starts, watches and ends players: Unity's own client, with its waits guarded and its processes accounted for."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # here and in players: else each that is closed says goodbye in a line

# isort: split
import grpc

from . import protocol

# isort: split
from mlagents_envs.communicator_objects.unity_to_external_pb2_grpc import add_UnityToExternalProtoServicer_to_server
from mlagents_envs.environment import UnityEnvironment
from mlagents_envs.exception import UnityException, UnityTimeOutException, UnityWorkerInUseException
from mlagents_envs.rpc_communicator import RpcCommunicator, UnityToExternalServicerImplementation

SLICE = 0.2  # seconds from one look at the process to the next
GRACE = 5  # seconds that a player has to quit before it is killed
FAULTS = (UnityException, RuntimeError, OSError, EOFError)  # RuntimeError: observations or rewards that are NaN


class PlayerError(RuntimeError):
    """A player that cannot be used; says which, what happened, and what its log ends with."""


class Daemons(futures.Executor):
    """Threads that Python does not wait for at its end. A ThreadPoolExecutor's it does: the one that holds a player's
    request would keep a program alive that has forgotten to close its world."""

    def __init__(self, threads: int = 2):
        self._calls = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> futures.Future:
        future = futures.Future()
        self._calls.put((future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads, once they have done what they were given before."""
        for _ in self._threads:
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, fn, args, kwargs = call
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)


class End:
    """One end of a pipe within this process, as multiprocessing's: messages go over as they are, none is pickled."""

    def __init__(self):
        self._come: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._seen: list[Any] = []  # taken from the queue by poll, and not yet received
        self.other: End

    def send(self, message: Any) -> None:
        self.other._come.put(message)

    def poll(self, seconds: float) -> bool:
        """Whether there is a message, within so many seconds."""
        with contextlib.suppress(queue.Empty):
            if not self._seen:
                self._seen.append(self._come.get(timeout=seconds))
        return bool(self._seen)

    def recv(self) -> Any:
        """The next message. Raises EOFError where the other end was closed."""
        message = self._seen.pop() if self._seen else self._come.get()
        if message is None:
            raise EOFError("the other end is closed")
        return message

    def close(self) -> None:
        self.send(None)


class Servicer(UnityToExternalServicerImplementation):
    """Unity's, with its two ends in this process."""

    def __init__(self):
        self.parent_conn, self.child_conn = End(), End()  # type: ignore[assignment]
        self.parent_conn.other, self.child_conn.other = self.child_conn, self.parent_conn  # type: ignore[attr-defined]


class Guarded(RpcCommunicator):
    """Unity's communicator that notices a dead player at once, waits for no message without a deadline, and lets Python
    end while a player waits for an answer."""

    unity_to_external: Any

    def create_server(self):
        self.check_port(self.port)
        self._daemons = Daemons()
        self.server = grpc.server(self._daemons, options=(("grpc.so_reuseport", 1),))  # type: ignore[arg-type]
        self.unity_to_external = Servicer()
        add_UnityToExternalProtoServicer_to_server(self.unity_to_external, self.server)
        try:
            self.server.add_insecure_port(f"[::]:{self.port}")
        except RuntimeError as error:
            raise UnityWorkerInUseException(self.worker_id) from error
        self.server.start()
        self.is_open = True

    def close(self):
        super().close()
        self._daemons.shutdown()

    def poll_for_timeout(self, poll_callback=None):
        deadline = time.monotonic() + self.timeout_wait
        while not self.unity_to_external.parent_conn.poll(SLICE):
            if poll_callback:
                poll_callback()
            if time.monotonic() > deadline:
                raise UnityTimeOutException(f"no answer within {self.timeout_wait} s")

    def initialize(self, inputs, poll_callback=None):
        self.poll_for_timeout(poll_callback)
        connection = self.unity_to_external.parent_conn
        output = connection.recv().unity_output
        theirs = output.rl_initialization_output.communication_version
        if theirs.split(".")[0] != UnityEnvironment.API_VERSION.split(".")[0]:
            raise UnityException(f"it speaks API {theirs or '(none)'}, Unity's client {UnityEnvironment.API_VERSION}")
        message = protocol.message()
        message.header.status = 200
        message.unity_input.CopyFrom(inputs)
        connection.send(message)
        self.poll_for_timeout(poll_callback)  # Unity's own waits here for ever
        connection.recv()
        return output


class Client(UnityEnvironment):
    """Unity's client, whose player is gone when close returns, however it fared."""

    _communicator: Any = None
    _process: Any = None
    logs: tempfile.TemporaryDirectory

    @staticmethod
    def _get_communicator(worker_id, base_port, timeout_wait):
        return Guarded(worker_id, base_port, timeout_wait)

    def _close(self, timeout: int | None = None) -> None:
        process = self._process
        if self._communicator is not None:
            with contextlib.suppress(OSError):  # the pipe of a server that ended in mid-exchange
                super()._close(GRACE if timeout is None else timeout)
        if process is not None:
            end(process)
        self.logs.cleanup()
        atexit.unregister(self._close)


def end(process: subprocess.Popen) -> None:
    """Kill what is left of a player and of what it started; it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)


def start(
    player: str | None,
    arguments: Sequence[str] = (),
    side_channels: Sequence[Any] = (),
    port: int | None = None,
    connect: float = 60,
    timeout: float = 60,
    attempts: int = 3,
    **settings: Any,
) -> Client:
    """A connected client of a new player; None waits for the Unity editor, at its port 5004.

    port: None takes a free one. connect, timeout: seconds that it may take to appear, and then to answer.
    settings: what UnityEnvironment takes besides (seed, no_graphics, num_areas …).
    Raises PlayerError where the player is not found, does not appear in time, quits, or speaks
    another version of the protocol, and where the port is in use.
    """
    if (
        player is not None
        and not Path(player).exists()
        and not list(Path(player).parent.glob(Path(player).name + ".*"))
    ):
        raise PlayerError(f"no Unity player at {player!r}: give the path of a build, or of ludus-player")
    for attempt in range(attempts):
        try:
            return _connect(player, list(arguments), list(side_channels), port, (connect, timeout), settings)
        except UnityWorkerInUseException as error:
            if port is not None or player is None or attempt == attempts - 1:
                raise PlayerError(f"port {port or 5004} is in use: choose another, or none for a free one") from error
    raise AssertionError("unreachable")


def _connect(player, arguments, side_channels, port, waits, settings) -> Client:
    client = Client.__new__(Client)  # its constructor may fail after it has started a process
    client.logs = tempfile.TemporaryDirectory(prefix="ludus-player-")
    with _free_port() as free:
        try:
            client.__init__(
                file_name=player,
                base_port=(port or free) if player is not None else port,
                timeout_wait=waits[0],
                additional_args=arguments,
                side_channels=side_channels,
                log_folder=client.logs.name,
                **settings,
            )
        except UnityWorkerInUseException:
            client._close(0)
            raise
        except FAULTS as error:
            said = report(player, arguments, error, client)
            client._close(0)
            raise PlayerError(said) from error
        except BaseException:
            client._close(0)
            raise
    client._communicator.timeout_wait = waits[1]
    return client


@contextlib.contextmanager
def _free_port():
    """A port that nobody is given as long as this lasts; Unity's server may listen there all the same."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("localhost", 0))
        yield holder.getsockname()[1]


def report(player: str | None, arguments: Sequence[str], error: BaseException, client: Client) -> str:
    """What went wrong with a player, in one line, with the last lines of its log."""
    name = " ".join([str(player or "the Unity editor"), *arguments])
    lines = [
        line for log in Path(client.logs.name).glob("*") for line in log.read_text("utf-8", "replace").splitlines()[-3:]
    ]
    said = f"; its log ends: {' / '.join(lines)}" if lines else ""
    return f"player {name}: {' '.join(str(error).split())}{said}"


def bundled() -> str:
    """The path of ludus-player. Raises PlayerError where it was not installed."""
    beside = Path(sys.executable).with_name("ludus-player")
    found = str(beside) if beside.exists() else shutil.which("ludus-player")
    if found is None:
        raise PlayerError("ludus-player is not installed beside this Python: pip install ludus")
    return found
