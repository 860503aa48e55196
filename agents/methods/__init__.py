"""The methods by name, as curricula and the command line know them. Fine-tuning is the empty list."""

from ..method import Method
from ..policies.inference import RecurrentInference
from .agem import AGem
from .bounded_replay import BoundedReplay
from .clear import Clear
from .clonex import ClonEx
from .distill import Distill
from .ewc import Ewc
from .heads import Heads
from .l2 import L2
from .layer_norm import LayerNorm
from .mas import Mas
from .online_ewc import OnlineEwc
from .packnet import PackNet
from .progress_compress import ProgressCompress
from .quotas import Quotas
from .redo import ReDo
from .replay import Replay
from .reservoir import Reservoir
from .shrink_perturb import ShrinkPerturb
from .si import Si

METHODS: dict[str, type[Method]] = {
    "replay": Replay,
    "bounded-replay": BoundedReplay,
    "clonex": ClonEx,
    "clear": Clear,
    "agem": AGem,
    "distill": Distill,
    "reservoir": Reservoir,
    "quotas": Quotas,
    "l2": L2,
    "ewc": Ewc,
    "online-ewc": OnlineEwc,
    "mas": Mas,
    "si": Si,
    "packnet": PackNet,
    "heads": Heads,
    "progress-compress": ProgressCompress,
    "layer-norm": LayerNorm,
    "redo": ReDo,
    "shrink-perturb": ShrinkPerturb,
    "recurrent-inference": RecurrentInference,  # no method against forgetting: another network
}
