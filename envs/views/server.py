"""The far end of views/served.py: environments in a process of its own, stepped over a pipe. Imports nothing of ludus.

It is run as a program, `python server.py`, by the Python that has the environments. A message is the length of a JSON
header (four bytes, big-endian), the header, then the arrays that it names, raw: {"do": …, "arrays": [[name, dtype,
shape], …]}. Nothing is unpickled on either side.
"""

import json
import os
import struct
import sys

if __name__ == "__main__":
    del sys.path[0]  # the files beside this one are not what environments mean by their imports

import numpy as np

HEADER = 1 << 20  # bytes, at most
BYTES = 1 << 30  # of arrays, at most
DTYPES = ("float32", "float64", "int64", "uint8", "bool")


def send(pipe, header, arrays=None):
    """header: JSON; arrays: name -> array."""
    arrays = {k: np.ascontiguousarray(v) for k, v in (arrays or {}).items()}
    described = [[k, v.dtype.name, v.shape] for k, v in arrays.items()]
    data = json.dumps({**header, "arrays": described}).encode()
    pipe.write(b"".join([struct.pack(">I", len(data)), data, *(v.tobytes() for v in arrays.values())]))
    pipe.flush()


def receive(pipe):
    """(header, arrays); None where the pipe has ended. Raises ValueError for what is no message."""
    if len(length := pipe.read(4)) < 4:
        return None
    (size,) = struct.unpack(">I", length)
    if size > HEADER:
        raise ValueError(f"a header of {size} bytes")
    header, arrays = json.loads(pipe.read(size)), {}
    for name, dtype, shape in header.pop("arrays"):
        size = int(np.prod(shape)) * np.dtype(dtype if dtype in DTYPES else "float64").itemsize
        if dtype not in DTYPES or not 0 <= size <= BYTES:
            raise ValueError(f"array {name!r} of {dtype}, {size} bytes")
        arrays[name] = np.frombuffer(pipe.read(size), dtype).reshape(shape).copy()
    return header, arrays


class Gymnasium:
    """One environment of Gymnasium's, by id."""

    def __init__(self, id, **settings):
        import gymnasium

        self.env = gymnasium.make(id, **settings)

    def begin(self, seed):
        return self.env.reset(seed=seed)[0]


class MetaWorld:
    """One task of Meta-World, its goal drawn anew for every episode and seen; the seed alone says which it is."""

    def __init__(self, task, **settings):
        from metaworld.env_dict import (  # type: ignore[import-not-found]
            ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE as known,
        )

        if f"{task}-goal-observable" not in known:
            names = ", ".join(k.removesuffix("-goal-observable") for k in known)
            raise ValueError(f"Meta-World has no task {task!r}; there is: {names}")
        self.env = known[f"{task}-goal-observable"](seed=0, render_mode="rgb_array", **settings)
        self.env._freeze_rand_vec, self.env.seeded_rand_vec = False, True

    def begin(self, seed):
        self.env.seed(seed)  # its reset() takes a seed and does not look at it
        return self.env.reset()[0]


KINDS = {"gymnasium": Gymnasium, "metaworld": MetaWorld}


class Server:
    """What may be asked of it; a world is a list of environments under a number."""

    def __init__(self):
        self.worlds = {}

    def make(self, world, kind, settings, copies):
        made = [KINDS[kind](**settings) for _ in range(copies)]
        self.worlds[world] = made
        env = made[0].env
        spaces = {"observation": env.observation_space, "action": env.action_space}
        if any(not hasattr(s, "low") or len(s.shape) != 1 for s in spaces.values()):
            raise ValueError(f"only flat numbers are served, not {spaces}")
        return {}, {
            f"{k}_{end}": np.array(getattr(s, end), float) for k, s in spaces.items() for end in ("low", "high")
        }

    def reset(self, world, copies, seeds):
        return {}, {
            "obs": np.array([self.worlds[world][i].begin(int(s)) for i, s in zip(copies, seeds, strict=True)], float)
        }

    def step(self, world, copies, actions):
        told = [self.worlds[world][i].env.step(a) for i, a in zip(copies, actions, strict=True)]
        success = [float(t[4].get("success", t[4].get("is_success", 0))) > 0 for t in told]
        columns = zip(*[t[:4] for t in told], strict=True)
        obs, reward, ended, cut = (np.array(c, d) for c, d in zip(columns, (float, float, bool, bool), strict=True))
        return {}, {"obs": obs, "reward": reward, "ended": ended, "cut": cut, "success": np.array(success)}

    def replay(self, world, seeds, actions, steps):
        """Begin every copy with its seed and take its first steps[i] actions (copies, most, width) again."""
        obs = [one.begin(int(s)) for one, s in zip(self.worlds[world], seeds, strict=True)]
        for i, one in enumerate(self.worlds[world]):
            for action in actions[i, : steps[i]]:
                obs[i] = one.env.step(action)[0]
        return {}, {"obs": np.array(obs, float)}

    def render(self, world, copy):
        return {}, {"picture": np.array(self.worlds[world][copy].env.render(), np.uint8)}

    def close(self, world):
        for one in self.worlds.pop(world, []):
            one.env.close()
        return {}, {}


def main():
    inward, outward = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what environments print must not stand between messages
    server = Server()
    while (message := receive(inward)) is not None:
        header, arrays = message
        try:
            send(outward, *getattr(server, header.pop("do"))(**header, **arrays))
        except Exception as error:
            send(outward, {"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
