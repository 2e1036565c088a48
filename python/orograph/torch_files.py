"""Files of torch.save and pickle.dump, of any PyTorch since 0.2, read as data: dicts, and the tensors in them. No code of a file is run."""

import io
import struct
import zipfile
from pathlib import Path

import numpy
import torch

from .inert_pickle import Call, Name, Reader, read

MAGIC = 0x1950A86A20F9469CFC6C  # of files of PyTorch before 1.6
STORAGES = {"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
            "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "Untyped": "uint8", "ComplexFloat": "complex64",
            "ComplexDouble": "complex128"}  # fmt: skip
QUANTISED = {"QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4}  # bytes; they are stepped over
WRAPPERS = ("_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_device_tensor_from_cpu_tensor")
DEEPEST = 100  # modules in modules


class NotWeights(ValueError):
    """Why a file cannot be read."""


def load(path: Path):
    """The file's value, in which dict_of() and tensor_of() find dicts and tensors. NotWeights, or whatever a damaged file leads to."""
    content = path.read_bytes()
    if zipfile.is_zipfile(io.BytesIO(content)):
        return load_archive(zipfile.ZipFile(io.BytesIO(content)))
    if content[257:262] == b"ustar":
        raise NotWeights("it is a tar file, as PyTorch before 0.2 wrote them")
    return load_pickles(content)


class Contents:
    """A value of a file, and its storages."""

    def __init__(self, value, storages: dict):
        self.value, self.storages = value, storages

    def storage(self, value) -> torch.Tensor:
        """All elements of a storage, as a tensor of one dimension."""
        if value.is_of("torch.storage", "_load_from_bytes"):
            inner = load_pickles(bytes_of(value.arguments[0]))
            return inner.storage(inner.value)
        _, kind, key, _, count = value.arguments[:5]
        dtype = dtype_of(kind)
        content = self.storages[key]
        if count * dtype.itemsize != len(content):
            raise NotWeights(f"its storage {key!r} has {len(content)} bytes for {count} elements")
        elements = torch.frombuffer(bytearray(content), dtype=dtype) if content else torch.empty(0, dtype=dtype)
        view = value.arguments[5] if len(value.arguments) > 5 else None
        return elements[view[1] : view[1] + view[2]] if view else elements

    def tensor(self, value) -> torch.Tensor | None:
        """The tensor that an object of the pickle is; None for every other value, and for what cannot be read: sparse, quantised, views."""
        if not isinstance(value, Call) or not isinstance(value.callee, Name):
            return None
        if (array := array_of(value)) is not None:
            return torch.from_numpy(array) if array.ndim else None
        name, arguments = value.callee.name, value.arguments
        if value.is_of("torch._tensor", "_rebuild_from_type_v2"):
            return self.tensor(Call(arguments[0], arguments[2]))
        if value.callee.module != "torch._utils":
            return None
        if name in WRAPPERS:
            return self.tensor(arguments[0])
        if name not in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"):
            return None
        if not is_known(arguments[0]) or any(dict_of(flags) for flags in arguments[6:]):  # quantised; conjugated and negated views
            return None
        storage = self.storage(arguments[0])
        typed = name == "_rebuild_tensor_v3"
        if typed:
            storage = storage.view(getattr(torch, arguments[6].name))
        return storage.as_strided(size_of(arguments[2]), size_of(arguments[3]), arguments[1])


def dtype_of(storage: Name) -> torch.dtype:
    name = STORAGES.get(storage.name.removesuffix("Storage"))
    if name is None:
        raise NotWeights(f"it has tensors of {storage.name}, which are no weights")
    return getattr(torch, name)


def is_torchs(value: Call) -> bool:
    """Whether a tensor is none of numpy's."""
    return value.callee.module.startswith("torch")


def is_known(storage: Call) -> bool:
    return storage.callee is not None or storage.arguments[1].name.removesuffix("Storage") in STORAGES


def size_of(value) -> tuple:
    return tuple(value.arguments[0] if isinstance(value, Call) else value)


def dict_of(value) -> dict:
    """The items of a dict or of an object that is one; empty for other values."""
    if not isinstance(value, Call):
        return value if isinstance(value, dict) else {}
    pairs = value.arguments[0] if value.is_of("collections", "OrderedDict") and value.arguments else ()
    return dict(pairs) | value.items


def module_of(value, prefix="", depth=0) -> dict:
    """The parameters and buffers of a pickled module, by their names in its state_dict; empty for other values."""
    state = value.state if isinstance(value, Call) else None
    if not isinstance(state, dict) or "_parameters" not in state or depth == DEEPEST:
        return {}
    own = {prefix + name: tensor for kind in ("_parameters", "_buffers") for name, tensor in dict_of(state.get(kind)).items()}
    for name, inner in dict_of(state.get("_modules")).items():
        own |= module_of(inner, f"{prefix}{name}.", depth + 1)
    return own


def bytes_of(value) -> bytes:
    """What protocol 2 and Python 2 write for bytes too."""
    if isinstance(value, Call) and value.is_of("_codecs", "encode"):
        value = value.arguments[0]
    return value.encode("latin1") if isinstance(value, str) else bytes(value)


def array_of(value: Call) -> numpy.ndarray | None:
    """A numpy array of numbers; None for every other object, and for an array in another form than numpy's."""
    try:
        if value.is_of("numpy.core.multiarray", "_reconstruct") or value.is_of("numpy._core.multiarray", "_reconstruct"):
            _, shape, dtype, is_fortran, content = value.state
        elif value.is_of("numpy.core.numeric", "_frombuffer") or value.is_of("numpy._core.numeric", "_frombuffer"):
            content, dtype, shape, order = value.arguments
            is_fortran = order == "F"
        else:
            return None
        code, order = dtype.arguments[0], dtype.state[1]
        if code[0] not in "fiub":
            return None
        flat = numpy.frombuffer(bytes_of(content), numpy.dtype(code).newbyteorder(order if order in "<>" else "="))
        array = flat.reshape(shape, order="F" if is_fortran else "C")
        return numpy.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")))
    except (TypeError, ValueError, AttributeError, LookupError):
        return None


def load_archive(archive: zipfile.ZipFile) -> Contents:
    """PyTorch 1.6 and later: a zip archive of one pickle and the storages."""
    names = archive.namelist()
    pickles = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) != 1 or any(name.endswith("constants.pkl") for name in names):
        raise NotWeights("it is a TorchScript archive" if pickles else "it is a zip archive that torch.save did not write")
    folder = pickles[0].removesuffix("data.pkl")
    if folder + "byteorder" in names and archive.read(folder + "byteorder") != b"little":
        raise NotWeights("its numbers are big-endian")
    return Contents(read(io.BytesIO(archive.read(pickles[0]))), Records(archive, folder + "data/"))


class Records(dict):
    """The bytes of storages by key, read when they are asked for."""

    def __init__(self, archive: zipfile.ZipFile, folder: str):
        super().__init__()
        self.archive, self.folder = archive, folder

    def __missing__(self, key):
        return self.archive.read(self.folder + key)


def load_pickles(content: bytes) -> Contents:
    """PyTorch before 1.6: pickles one after another, then the storages; else what pickle.dump wrote, whose tensors hold such files."""
    file = io.BytesIO(content)
    value = read(file)
    if value != MAGIC:
        return Contents(value, {})
    read(file)  # the version
    if not dict_of(read(file)).get("little_endian", True):
        raise NotWeights("its numbers are big-endian")
    start = file.tell()
    sizes: dict = {}
    value = read(file)
    collect_sizes(content[start : file.tell()], sizes)
    storages = {}
    for key in read(file):
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = file.read(count * sizes[key])
    return Contents(value, storages)


def collect_sizes(pickled: bytes, sizes: dict) -> None:
    """Bytes of an element of each storage that a pickle names, by key."""

    class Collecting(Reader):
        def persistent_load(self, pid):
            if pid[0] == "storage":  # else a class of a module, with its source
                sizes[pid[2]] = QUANTISED.get(pid[1].name) or dtype_of(pid[1]).itemsize
            return super().persistent_load(pid)

    Collecting(io.BytesIO(pickled), encoding="latin1").load()
