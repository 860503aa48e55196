"""Players that misbehave, one fault each: started as a Unity build is, by test_unity.py."""

import os
import sys
import time

from ludus.envs.unity.player import wire
from ludus.envs.unity.player.wire import Communicator, Message

AT = 3  # the exchange in which a fault shows


def report(infos, name="Fake?team=0", told=False):
    """A message of agents: id -> {done, reward, value, interrupted}, in this order."""
    message = Message()
    output = message.unity_output
    for id, done, reward, value, cut in infos:
        info = output.rl_output.agentInfos[name].value.add(id=id, done=done, reward=reward, max_step_reached=cut)
        seen = info.observations.add(shape=[1], name="Sensor", dimension_properties=[1])
        seen.float_data.data.append(value)
    if not told:
        brain = output.rl_initialization_output.brain_parameters.add(brain_name=name, is_training=True)
        brain.action_spec.num_discrete_actions = 1
        brain.action_spec.discrete_branch_sizes.append(2)
    return message


def live(id, value):
    return id, False, 1.0, value, False


def end(id, value, cut=False):
    return id, True, 5.0, value, cut


SCRIPTS = {  # what two agents report, batch by batch; the last goes on for ever
    "steady": [[live(1, 1.0), live(2, 2.0)]],
    "ends-alone": [[live(1, 1.0), live(2, 2.0)], [end(1, 9.0)], [end(2, 8.0)], [live(1, 3.0), live(2, 4.0)]],
    "both-at-once": [[live(1, 1.0), live(2, 2.0)], [end(1, 9.0), live(1, 3.0), live(2, 4.0)]],
    "new-id": [[live(1, 1.0), live(2, 2.0)], [end(1, 9.0, cut=True), live(2, 4.0)], [live(7, 6.0), live(2, 5.0)]],
    "some-only": [[live(1, 1.0), live(2, 2.0)], [live(2, 4.0)], [live(2, 5.0), live(1, 6.0)]],
    "too-many": [[live(1, 1.0), live(2, 2.0)], [live(1, 1.0), live(2, 2.0), live(3, 3.0)]],
    "nan": [[live(1, 1.0), live(2, 2.0)]] * AT + [[live(1, float("nan")), live(2, 2.0)]],
}


def main(fault, port):
    if fault == "never-connects":
        time.sleep(600)
    if fault == "dies-at-once":
        sys.exit(3)
    if fault == "old-version":
        wire.VERSION = "0.9.0"
    talk = Communicator(port, 30)
    talk.shake_hands("Fake")
    if fault == "dies-after-hello":
        sys.exit(4)
    heard = talk.exchange(Message())
    script = SCRIPTS.get(fault, SCRIPTS["steady"])
    for batch in range(10**6):
        if heard is None:
            return
        if batch == AT and fault == "crashes":
            os.abort()
        if batch == AT and fault == "hangs":
            time.sleep(600)
        if batch == AT and fault == "other-behaviour":
            heard = talk.exchange(report([live(9, 0.0)], "Late?team=0"))
            continue
        heard = talk.exchange(report(script[min(batch, len(script) - 1)], told=batch > 0))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[sys.argv.index("--mlagents-port") + 1]))
