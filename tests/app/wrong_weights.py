"""Files of weights that must be refused, and the words that the refusal holds, for wrong_inputs.py."""
import io
import os
import struct
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file


class RunsWhenUnpickled:
    def __reduce__(self):
        return os.system, ("touch hostile-pickle-was-run",)


def rewritten(archive: bytes, change) -> bytes:
    """The same archive with change(name, content) in place of each record, checksums right."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as read, zipfile.ZipFile(out, "w") as write:
        for name in read.namelist():
            write.writestr(name, change(name, read.read(name)))
    return out.getvalue()


def saved(content) -> bytes:
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


def wrong_weights(folder: Path, good: Path):
    """Yields (what, path, words); exit code 65 for each. `good` is the mlp's file."""
    state = load_file(good)
    with_nan = state | {"fc2.bias": torch.full((128,), torch.nan)}
    shorter = rewritten(saved(state), lambda name, content: content[:-4] if name.endswith("data/0") else content)
    files = {
        "truncated archive": (saved(state)[:-1000], ["truncated", "cut.pt"], "cut.pt"),
        "archive whose sizes lie": (shorter, ["storage '0'", "promised"], "lying.pt"),
        "hostile pickle": (saved({"state_dict": {**state, "fc1.weight": RunsWhenUnpickled()}}), ["fc1.weight is missing"], "hostile.pt"),
        "safetensors header of 4 GB": (struct.pack("<Q", 2**32) + b"{" + bytes(1000), ["header", "4294967296"], "long.safetensors"),
        "NaN in weights": (saved({"epoch": 3, "state_dict": with_nan}), ["'state_dict'", "fc2.bias holds NaN", "128 of 128"], "nan.pt"),
    }
    for what, (content, words, name) in files.items():
        (folder / name).write_bytes(content)
        yield what, folder / name, words
