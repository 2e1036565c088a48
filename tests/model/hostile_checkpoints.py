"""Archives that lie, run code or ask for too much: each is refused in one line, or loads what PyTorch loads, within bounded memory."""
import io
import pickle
import random
import struct
import types
import zipfile
from pathlib import Path

import pytest
import torch
from checkpoint_loader import Loader, float_bytes, small, states_of
from orograph import convert
from safetensors.torch import save_file

MODEL = small()
STATE = MODEL.state_dict()
MEBIBYTE = 1024  # KiB


@pytest.fixture(scope="module")
def loader():
    running = Loader(MODEL)
    yield running
    running.close()


@pytest.fixture(scope="module")
def four_numbers():
    """For a network of one tensor, x, of 4 numbers."""
    network = torch.nn.Module()
    network.register_parameter("x", torch.nn.Parameter(torch.zeros(4)))
    running = Loader(network)
    yield running
    running.close()


def archive(data_pkl: bytes, storages: dict, extra: dict | None = None, method=zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.writestr("archive/data.pkl", data_pkl)
        for key, content in storages.items():
            file.writestr(f"archive/data/{key}", content)
        for name, content in (extra or {"archive/version": "3\n"}).items():
            file.writestr(name, content)
    return out.getvalue()


def saved(content) -> bytes:
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


def parts(content, protocol=2) -> tuple[bytes, dict]:
    """Pickle and storages as torch.save writes them."""
    out = io.BytesIO()
    torch.save(content, out, pickle_protocol=protocol)
    with zipfile.ZipFile(out) as file:
        read = {name.split("/", 1)[1]: file.read(name) for name in file.namelist()}
    return read["data.pkl"], {name.removeprefix("data/"): content for name, content in read.items() if name.startswith("data/")}


PICKLE, STORAGES = parts(STATE)


# Pickles by hand: text, numbers, and tensors with whatever numbers they claim.
def text(word: str) -> bytes:
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def number(value: int) -> bytes:
    encoded = pickle.encode_long(value)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def numbers(values) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key="0", length=4, offset=0, size=(4,), stride=(1,), kind="FloatStorage", tail=b"\x89N") -> bytes:
    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + number(length) + b"tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + numbers(size) + numbers(stride) + tail + b"tR"


def one(value: bytes) -> bytes:
    """A pickle of a dict with one value."""
    return b"\x80\x02}" + text("x") + value + b"s."


SIXTEEN = {"0": bytes(16)}
TENSORS = {
    "length beyond the record": tensor(length=5),
    "length short of the record": tensor(length=3, size=(3,)),
    "negative length": tensor(length=-4),
    "length that overflows": tensor(length=2**62 + 4),
    "length of more than 64 bits": tensor(length=2**70),
    "no such storage": tensor(key="1"),
    "storage outside of the archive": tensor(key="../../../../etc/passwd"),
    "negative offset": tensor(offset=-1),
    "offset beyond the end": tensor(offset=1),
    "huge offset": tensor(offset=2**63 - 1),
    "negative size": tensor(size=(-4,)),
    "size beyond the end": tensor(size=(5,)),
    "huge size": tensor(size=(2**40, 2**40), stride=(1, 1)),
    "sizes that overflow to nothing": tensor(size=(2**32, 2**32), stride=(2**32, 2**32)),
    "negative stride": tensor(offset=3, stride=(-1,)),
    "stride beyond the end": tensor(stride=(2,)),
    "huge stride": tensor(size=(2, 2), stride=(2**62, 2**62)),
    "more sizes than strides": tensor(size=(2, 2)),
    "a hundred dimensions": tensor(size=(1,) * 100, stride=(1,) * 100),
    "size that is a number": tensor().replace(numbers((4,)), b"K\x04", 1),
    "conjugated": tensor(tail=b"\x89N}" + text("conj") + b"\x88s"),
    "unknown storage": tensor(kind="QInt8Storage", length=16),
    "storage type as a function": b"ctorch\nFloatStorage\n(tR",
    "dtype as a function": b"ctorch\nfloat32\n(tR",
    "storage that is a list": b"]Q",
    "parameter of a number": b"ctorch._utils\n_rebuild_parameter\n(K\x01\x88NtR",
    "OrderedDict of something": b"ccollections\nOrderedDict\n(]tR",
    "a stretched tensor": tensor(size=(2**40,), stride=(0,)),
}


def code_cases(marker="") -> dict:
    """Pickles that would make a file `marker` if they were run as Python does: objects, which are stepped over."""
    touch = text(f"touch {marker}")
    return {
        "os.system": b"cos\nsystem\n(" + touch + b"tR",
        "posix.system": b"cposix\nsystem\n(" + touch + b"tR",
        "STACK_GLOBAL": text("os") + text("system") + b"\x93" + touch + b"\x85R",
        "STACK_GLOBAL of a dotted name": text("collections") + text("OrderedDict.fromkeys") + b"\x93)R",
        "INST": b"(" + touch + b"ios\nsystem\n",
        "INST of an allowed name": b"(icollections\nOrderedDict\n",
        "OBJ": b"(cos\nsystem\n" + touch + b"o",
        "OBJ of an allowed name": b"(ccollections\nOrderedDict\no",
        "NEWOBJ": b"csubprocess\nPopen\n" + touch + b"\x85\x81",
        "NEWOBJ of an allowed name": b"ccollections\nOrderedDict\n)\x81",
        "NEWOBJ_EX": b"csubprocess\nPopen\n" + touch + b"\x85}\x92",
        "BUILD": b"cargparse\nNamespace\n)R}" + text("x") + b"K\x01sb",
        "eval": b"c__builtin__\neval\n" + text(f"open('{marker}', 'w')") + b"\x85R",
        "getattr": b"cbuiltins\ngetattr\n(ccollections\nOrderedDict\n" + text("__init__") + b"tR",
        "a pickle in a pickle": b"ctorch.storage\n_load_from_bytes\n(B\x00\x00\x00\x00tR",
        "torch.load": b"ctorch\nload\n(" + text("/etc/passwd") + b"tR",
        "a module of a model": b"cmodels.resnet\nResNet\n)\x81",
        "numpy": b"cnumpy.core.multiarray\nscalar\n)R",
        "an extension": b"\x82\x01",
        "protocol 0": b"(S'touch " + str(marker).encode() + b"'\nios\nsystem\n",
        "REDUCE of what was called": b"cbuiltins\ngetattr\n(" + text("os") + text("system") + b"tR" + touch + b"\x85R",
        "a dict of its own class with code in it": b"ccollections\ndefaultdict\n(cos\nsystem\ntR" + text("x") + b"cos\nsystem\n)Rs",
        "a list of its own class": b"ccollections\ndeque\n)R(" + touch + touch + b"e",
        "a set of its own class": b"csets\nSet\n)R(" + touch + b"\x90",
        "__setstate__": b"cos\nPathLike\n)\x81" + text(f"touch {marker}") + b"b",
        "a partial with its state": b"cfunctools\npartial\n(cos\nsystem\ntR(cos\nsystem\n(" + touch + b"t}Ntb",
        "numpy's array of objects": b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR(K\x01(K\x01t"
        b"cnumpy\ndtype\n(U\x02O8\x89\x88tR\x89]tb",
        "a tensor of a type that is a function": b"ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nN" + touch + b"\x85NtR",
        "a parameter with a state that is called": b"ctorch._utils\n_rebuild_parameter_with_state\n(cos\nsystem\n)R\x88NNtR",
        "a sparse tensor": b"ctorch._utils\n_rebuild_sparse_tensor\n(NNtR",
    }


# What no pickler writes.
MALFORMED = {
    "STACK_GLOBAL of numbers": b"K\x01K\x02\x93",
    "BUILD of a dict": b"}}b",
    "BUILD of a name": b"cos\nsystem\n}b",
    "a call of text": text("system") + b")R",
    "a call with a list": b"cos\nsystem\n]R",
    "NEWOBJ of a number": b"K\x01)\x81",
    "OBJ of nothing": b"(o",
    "a name without an end": b"cos",
    "a text without quotes": b"Stext\n",
    "a broken escape": b"S'\\x4'\n",
    "an unknown escape": b"S'\\q'\n",
    "a broken character": b"V\\u12\n",
    "a character beyond Unicode": b"V\\Uffffffff\n",
    "a number that is none": b"Iabc\n",
    "a key without a value": b"}(K\x01u",
    "remembered under a word": b"Npx\n",
    "recalled by a word": b"gx\n",
    "remembered far away": b"Np4294967295\n",
    "protocol 9": b"\x80\x09N",
    "a buffer from elsewhere": b"\x97",
}


REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
WIDE = tensor(size=(1,) * 8, stride=(1,) * 8)
BOMBS = {
    "lists in lists": b"]" * 300_000 + b"a" * 299_999,
    "tuples in tuples": b")" + b"\x85" * 500_000,
    "doubling": b")" + b"q\x00h\x00\x86" * 100_000,
    "a list in itself": b"]q\x00h\x00a",
    "a dict in itself": b"}q\x00" + text("y") + b"h\x00s",
    "nothing, millions of times": b"(" + b"N" * 5_000_000 + b"t",
    "empty lists, millions of times": b"(" + b"]" * 5_000_000 + b"t",
    "marks": b"(" * 5_000_000,
    "one value remembered again and again": b"N" + b"\x94" * 5_000_000,
    "huge memo index": b"Nr\xff\xff\xff\xff",
    "recalled before": b"h\x05",
    "huge text": b"\x8d" + b"\xff" * 8,
    "huge bytes": b"\x8e" + struct.pack("<Q", 2**62),
    "huge number": b"\x8b\xff\xff\xff\xff",
    "huge frame": b"\x95" + struct.pack("<Q", 2**63),
    "a tensor called over and over": b"(" + WIDE.replace(REBUILD, REBUILD + b"q\x00")[:-1] + b"q\x01R" + b"h\x00h\x01R" * 600_000 + b"t",
    "nothing at all": b"",
    "OrderedDicts made of one list": b"](" + (text("k") + b"N\x86") * 1000 + b"eq\x000ccollections\nOrderedDict\nq\x010}("
    + b"".join(text(str(k)) + b"h\x01h\x00\x85R" for k in range(20_000)) + b"u",
    "parameters of parameters": b"Nq\x000ctorch._utils\n_rebuild_parameter\nq\x010" + b"h\x01h\x00\x88N\x87Rq\x000" * 100_000 + b"h\x00",
    "a tensor under one name, many times": b"}(" + text("conv1.weight") + b"q\x00" + tensor() + b"q\x01" + b"h\x00h\x01" * 400_000 + b"u",
    "a name of many words": b"}" + text("x." * 400 + "conv1.weight") + tensor() + b"s",
    "a tensor of a type of a type": b"ctorch._tensor\n_rebuild_from_type_v2\nq\x00(h\x00N(h\x00Nh\x00NtNtR",
}


@pytest.mark.parametrize("case", TENSORS | BOMBS | MALFORMED)
def test_numbers_that_lie(four_numbers, tmp_path, case):
    loader = four_numbers
    (tmp_path / "weights").write_bytes(archive(one((TENSORS | BOMBS | MALFORMED)[case]), SIXTEEN))
    before = loader.answer(tmp_path / "nowhere")["peak_kib"]
    assert loader.answer(tmp_path / "weights")["code"] == 65
    assert loader.answer(tmp_path / "nowhere")["peak_kib"] - before < 250 * MEBIBYTE


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("case", code_cases())
def test_no_code_is_run(loader, tmp_path, case, beside):
    marker = tmp_path / "marker"
    code = code_cases(marker)[case]
    whole = b"\x80\x02}" + text("state_dict") + PICKLE[2:-1] + b"s" + text("x") + code + b"s." if beside else b"\x80\x02" + code + b"."
    (tmp_path / "weights").write_bytes(archive(whole, STORAGES))
    answer = loader.answer(tmp_path / "weights")
    assert answer["code"] == (0 if beside else 65) and len(answer["message"]) < 1000, answer
    assert not beside or loader.output.read_bytes() == loader.expected
    assert convert.main([str(tmp_path / "weights"), str(tmp_path / "new")]) == answer["code"]
    assert not beside or loader.values(tmp_path / "new") == loader.expected
    assert not marker.exists()
    for name in ("os.system", "subprocess.Popen", "argparse.Namespace", "models.resnet.ResNet"):
        module, attribute = name.rsplit(".", 1)
        assert beside or f"c{module}\n{attribute}\n".encode() not in code[:30] or f"'{name}'" in answer["message"]


FOUR = struct.pack("<4f", 1, 2, 3, 4)
SUBCLASS = b"ctorch._tensor\n_rebuild_from_type_v2\n(" + REBUILD + b"cmine\nTensor\n" + tensor()[len(REBUILD) : -1] + b"}tR"
RIGHT = {
    "a tensor": tensor(),
    "with attributes": tensor() + b"}b",
    "with a list of sizes": tensor().replace(numbers((4,)), b"]K\x04a", 1),
    "a parameter": b"ctorch._utils\n_rebuild_parameter\n(" + tensor() + b"\x88NtR",
    "a parameter with attributes": b"ctorch._utils\n_rebuild_parameter_with_state\n(" + tensor() + b"\x88N}" + text("a") + b"K\x01stR",
    "a tensor of the user's own class": SUBCLASS,
    "a parameter of that class": b"ctorch._utils\n_rebuild_parameter\n(" + SUBCLASS + b"\x88NtR",
    "of torch before 0.4": b"ctorch._utils\n_rebuild_tensor\n(" + tensor()[len(REBUILD) + 1 :].replace(b"\x89NtR", b"tR"),
}
DICTS = {
    "dict": b"}" + text("x") + tensor() + b"s",
    "OrderedDict": b"ccollections\nOrderedDict\n)R" + text("x") + tensor() + b"s}b",
    "OrderedDict of pairs": b"ccollections\nOrderedDict\n(]]" + text("x") + b"a" + tensor() + b"aatR",
    "defaultdict": b"ccollections\ndefaultdict\n(c__builtin__\nlist\ntR" + text("x") + tensor() + b"s",
    "a class of one's own": b"cmine\nAttributes\n)\x81" + text("x") + tensor() + b"s}b",
    "made by INST": b"(imine\nAttributes\n" + text("x") + tensor() + b"s",
    "of protocol 0": b"(dp0\nVx\np1\n" + tensor() + b"s",
    "a tuple": b"(}" + text("x") + tensor() + b"sK\x03t",
    "under a key": b"}" + text("state") + b"}" + text("x") + tensor() + b"ss",
}


@pytest.mark.parametrize("case", RIGHT | DICTS)
def test_pickles_that_are_right_load(four_numbers, tmp_path, case):
    """The pieces that the cases above are made of are themselves no reason to refuse."""
    pickled = one(RIGHT[case]) if case in RIGHT else b"\x80\x02" + DICTS[case] + b"."
    (tmp_path / "weights").write_bytes(archive(pickled, {"0": FOUR}))
    assert four_numbers.values(tmp_path / "weights") == FOUR
    options = [] if case != "a tuple" else ["--key", "0"]
    assert convert.main([str(tmp_path / "weights"), str(tmp_path / "new"), *options]) == 0
    assert four_numbers.values(tmp_path / "new") == FOUR


def test_strides_and_whole_archives_load(loader, four_numbers, tmp_path):
    (tmp_path / "weights").write_bytes(archive(one(tensor(offset=3, stride=(0,))), {"0": FOUR}))
    assert four_numbers.values(tmp_path / "weights") == struct.pack("<4f", 4, 4, 4, 4)
    (tmp_path / "weights").write_bytes(archive(PICKLE, STORAGES))
    assert loader.values(tmp_path / "weights") == loader.expected


# The zip around it.
def directory_entry(content: bytes, name: bytes) -> int:
    """Where the entry of `name` begins in the archive's directory."""
    return content.rindex(name) - 46


def patched(content: bytes, place: int, value: bytes) -> bytes:
    return content[:place] + value + content[place + len(value) :]


def patched_entry(name: bytes, field: int, value: bytes) -> bytes:
    content = archive(PICKLE, STORAGES)
    return patched(content, directory_entry(content, name) + field, value)


def two_sizes(name: bytes, size: int) -> bytes:
    content = patched_entry(name, 20, struct.pack("<II", size, size))
    return content


def overlapping() -> bytes:
    """The record of storage 1 claims the bytes of storage 0 too, its own header copied into them."""
    inner = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0, 0, 8, 8, len("archive/data/1"), 0) + b"archive/data/1" + bytes(8)
    content = archive(PICKLE, STORAGES | {"0": inner})
    return patched(content, directory_entry(content, b"archive/data/1") + 42, struct.pack("<I", content.index(inner)))


def with_duplicate() -> bytes:
    content = archive(PICKLE, STORAGES, {"archive/data/X": b"x"})
    return content.replace(b"archive/data/X", b"archive/data/0")


ZIPS = {
    "half": lambda: saved(STATE)[: len(saved(STATE)) // 2],
    "without its last byte": lambda: saved(STATE)[:-1],
    "with bytes after it": lambda: saved(STATE) + b"more",
    "compressed": lambda: archive(PICKLE, STORAGES, method=zipfile.ZIP_DEFLATED),
    "encrypted": lambda: patched_entry(b"archive/data/0", 8, b"\x01\x00"),
    "record of another length": lambda: two_sizes(b"archive/data/0", 16),
    "record of 4 GiB": lambda: two_sizes(b"archive/data/0", 2**32 - 2),
    "record of two lengths": lambda: patched_entry(b"archive/data/0", 20, struct.pack("<II", 16, 18)),
    "record of 64 bits without them": lambda: two_sizes(b"archive/data/0", 2**32 - 1),
    "record that begins elsewhere": lambda: patched_entry(b"archive/data/0", 42, struct.pack("<I", 1)),
    "record beyond the end": lambda: patched_entry(b"archive/data/0", 42, struct.pack("<I", 2**32 - 2)),
    "record of another name": lambda: patched_entry(b"archive/data/0", 46, b"archive/data/Z"),
    "name of 65535 characters": lambda: patched_entry(b"archive/data/0", 28, b"\xff\xff"),
    "overlapping records": overlapping,
    "two records of one name": with_duplicate,
    "two pickles": lambda: archive(PICKLE, STORAGES, {"other/data.pkl": PICKLE}),
    "no pickle": lambda: archive(PICKLE, STORAGES).replace(b"data.pkl", b"data.pkk"),
    "damaged storage": lambda: archive(PICKLE, STORAGES).replace(STORAGES["0"], STORAGES["0"][::-1]),
    "big-endian": lambda: archive(PICKLE, STORAGES, {"archive/byteorder": "big"}),
    "TorchScript": lambda: archive(PICKLE, STORAGES, {"archive/constants.pkl": b"\x80\x02)."}),
    "entries without number": lambda: patched(archive(PICKLE, STORAGES), len(archive(PICKLE, STORAGES)) - 22 + 10, b"\xfe\xff"),
    "directory beyond the end": lambda: patched(archive(PICKLE, STORAGES), len(archive(PICKLE, STORAGES)) - 6, b"\xfe\xff\xff\xff"),
    "zip64 directory beyond the end": lambda: patched(saved(STATE), len(saved(STATE)) - 22 - 12, b"\xff" * 8),
    "zip64 with 2^64 entries": lambda: patched(saved(STATE), len(saved(STATE)) - 22 - 20 - 56 + 32, b"\xff" * 8),
    "empty zip": lambda: b"PK\x05\x06" + bytes(18),
    "zip in name only": lambda: b"PK\x03\x04",
    "pickle that ends early": lambda: archive(PICKLE[:-1], STORAGES),
    "pickle with more after it": lambda: archive(PICKLE + b".", STORAGES),
    "a storage that is missing": lambda: archive(PICKLE, {key: value for key, value in STORAGES.items() if key != "3"}),
    "a safetensors header of 4 GB": lambda: struct.pack("<Q", 2**32) + b"{" + bytes(100),
    "a safetensors header of 2^64": lambda: b"\xff" * 8 + b'{"x":1}',
    "nothing": lambda: b"",
    "one byte": lambda: b"\x80",
}


@pytest.mark.parametrize("case", ZIPS)
def test_archives_that_lie(loader, tmp_path, case):
    (tmp_path / "weights").write_bytes(ZIPS[case]())
    before = loader.answer(tmp_path / "nowhere")["peak_kib"]
    loader.refusal(tmp_path / "weights")
    assert loader.answer(tmp_path / "nowhere")["peak_kib"] - before < 50 * MEBIBYTE


def test_every_truncation(loader):
    content = saved(STATE)
    lengths = [*range(0, len(content), 7), *range(len(content) - 300, len(content))]
    answers = [answer for answer, _ in loader.answers([content[:length] for length in lengths])]
    assert len(answers) > 700 and all(answer["code"] == 65 for answer in answers)


def test_every_byte_of_an_archive_changed(loader):
    """Either it is seen, or the byte carries nothing (a date, padding) and the weights are the same."""
    content = saved(STATE)
    flips = [patched(content, place, bytes([content[place] ^ 0x41])) for place in range(len(content))]
    loaded = [values for answer, values in loader.answers(flips) if answer["code"] == 0]
    assert len(content) > 3000 and 100 < len(loaded) < len(content) / 2
    assert all(values == loader.expected for values in loaded)


class Restricted(pickle.Unpickler):
    """Python's own unpickler, of any protocol, for the names of a state_dict alone."""

    def find_class(self, module, name):
        rebuilds = module == "torch._utils" and name.startswith("_rebuild")
        if rebuilds or (module, name) == ("collections", "OrderedDict") or name.endswith("Storage"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


RESTRICTED = types.ModuleType("restricted")
RESTRICTED.Unpickler = Restricted


def torchs_reading(path: Path):
    """The bytes that PyTorch gives for the network; None where it refuses, or they do not fit."""
    try:
        state = torch.load(path, weights_only=False, pickle_module=RESTRICTED)
        return float_bytes([state[name] for name, _ in MODEL.named_parameters()], [state[name] for name in states_of(MODEL)])
    except Exception:
        return None


def changed(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    kind = draw.randrange(4)
    if kind == 0:
        return patched(content, place, bytes([draw.randrange(256)]))
    if kind == 1:
        return content[:place] + content[place + draw.randrange(1, 4) :]
    if kind == 2:
        return content[:place] + bytes(draw.randrange(256) for _ in range(draw.randrange(1, 4))) + content[place:]
    other = draw.randrange(len(content))
    return content[:place] + content[other : other + draw.randrange(1, 30)] + content[place:]


@pytest.mark.parametrize("protocol", [2, 4])
def test_changed_pickles(loader, tmp_path, protocol):
    """Pickles with one change, checksums right. What loads is what PyTorch reads, or, where that refuses what has no say in the weights (a
    device's name), what it was."""
    content, storages = parts(STATE, protocol)
    draw, loaded, differ = random.Random(protocol), 0, 0
    pickles = [patched(content, place, bytes([content[place] ^ bit])) for place in range(len(content)) for bit in (0x01, 0x80)]
    pickles += [changed(content, draw) for _ in range(1500)]
    for pickled, (answer, values) in zip(pickles, loader.answers([archive(pickled, storages) for pickled in pickles]), strict=True):
        assert answer["code"] in (0, 65), answer
        loaded += answer["code"] == 0
        differ += values not in (None, loader.expected)
        if values is not None and (values != loader.expected or loaded % 10 == 0):  # PyTorch is slow
            (tmp_path / "weights").write_bytes(archive(pickled, storages))
            assert values == (torchs_reading(tmp_path / "weights") or loader.expected), pickled
    assert 20 < loaded < len(pickles) / 2 and differ > 10, (loaded, differ)


def test_changed_safetensors(loader, tmp_path):
    save_file(STATE, tmp_path / "good")
    content, draw = (tmp_path / "good").read_bytes(), random.Random(7)
    header = 8 + struct.unpack("<Q", content[:8])[0]
    cut = [content[: draw.randrange(len(content))] for _ in range(200)]
    altered = [changed(content[:header], draw) + content[header:] for _ in range(800)]
    codes = [answer["code"] for answer, _ in loader.answers(cut + altered)]
    assert set(codes[:200]) == {65} and set(codes) == {0, 65} and len(codes) == 1000
