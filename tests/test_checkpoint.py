"""A checkpoint is whole or refused, with one line that names the file and what to do."""

import json
import os

import numpy as np
import pytest

from ludus.curricula import checkpoint, folder
from ludus.curricula.checkpoint import CheckpointError

ARRAYS = {
    "weights": np.arange(12, dtype=np.float32).reshape(3, 4),
    "streams": np.array([2**63 + 1], np.uint64),
    "done": np.array([True, False]),
    "scalar": np.array(3.5),
    "none": np.zeros((0, 4)),
    "turned": np.arange(6.0).reshape(2, 3).T,
}


@pytest.fixture
def saved(tmp_path):
    checkpoint.save(tmp_path / "checkpoints", 3, ARRAYS, {"at": {"stage": 1}})
    return checkpoint.newest(tmp_path / "checkpoints")


def test_what_was_saved_comes_back_bit_for_bit(saved):
    arrays, meta = checkpoint.load(saved)
    assert meta == {"at": {"stage": 1}} and arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_only_the_newest_is_kept_and_what_was_written_aside_does_not_count(saved):
    parent = saved.parent
    (parent / "9.tmp").mkdir()
    assert checkpoint.newest(parent) == saved
    checkpoint.save(parent, 10, ARRAYS, {})
    assert [p.name for p in parent.iterdir()] == ["10"]
    assert checkpoint.newest(parent / "nowhere") is None


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def _grow(path):
    path.write_bytes(path.read_bytes() + b"0" * 100)


def _flip(path, at=-5):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def _link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _huge(path):
    with open(path, "r+b") as file:
        file.truncate(1 << 40)  # sparse: takes no room


def _pickle(path):
    path.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")


HARMS = [("arrays.safetensors", harm) for harm in (_cut, _grow, _flip, _link, _huge, _pickle, os.unlink)]
HARMS += [("meta.json", harm) for harm in (_cut, _grow, _link, _huge, _pickle, os.unlink)]


@pytest.mark.parametrize(("file", "harm"), HARMS)
def test_a_harmed_checkpoint_is_refused_with_its_file_and_a_remedy(saved, file, harm):
    harm(saved / file)
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(saved)
    message = str(refused.value)
    assert file in message and "resume" in message and "\n" not in message


def test_every_flipped_bit_of_the_arrays_is_noticed(saved):
    whole = (saved / "arrays.safetensors").read_bytes()
    for at in range(0, len(whole), 17):
        (saved / "arrays.safetensors").write_bytes(whole)
        _flip(saved / "arrays.safetensors", at)
        with pytest.raises(CheckpointError):
            checkpoint.load(saved)


def test_a_checkpoint_of_another_version_is_refused_by_both_names(saved):
    about = json.loads((saved / "meta.json").read_text()) | {"suite": "0.0.9"}
    (saved / "meta.json").write_text(json.dumps(about))
    with pytest.raises(CheckpointError, match=rf"written by ludus 0\.0\.9, this is {checkpoint.VERSION}"):
        checkpoint.load(saved)


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "mkdir"])
def test_a_full_disk_leaves_the_checkpoint_before(saved, monkeypatch, call):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left"):
            checkpoint.save(saved.parent, 4, ARRAYS, {})
    assert [p.name for p in saved.parent.iterdir()] == ["3"]
    assert checkpoint.load(saved)[1] == {"at": {"stage": 1}}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    folder.write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        folder.write_json(tmp_path / "a.json", {"a": float("nan")})
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        folder.write_json(tmp_path / "a.json", {"a": 2})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_two_cannot_hold_a_folder_and_the_dead_do_not(tmp_path):
    with (
        folder.locked(tmp_path),
        pytest.raises(folder.Busy, match="another process runs here"),
        folder.locked(tmp_path),
    ):
        pass
    child = os.fork()
    if child == 0:  # dies holding the lock
        with folder.locked(tmp_path):
            os._exit(0)
    os.waitpid(child, 0)
    with folder.locked(tmp_path):
        pass
