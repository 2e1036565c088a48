"""CIFAR's Python version, as torchvision leaves it behind, in pickles of every kind; folders that are another form of the right thing."""
import gzip
import io
import json
import os
import pickle
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

MEAN, STD = np.array([125.3, 123.0, 113.9]) / 255, np.array([63.0, 62.1, 66.7]) / 255  # Li et al. 2018
TRAIN = [f"data_batch_{number}" for number in range(1, 6)]


class Loader:
    def __init__(self, folder):
        self.output = folder / "raw"
        written = open(folder / "log", "w")
        self.log = open(written.name)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": written}
        self.process = subprocess.Popen([os.environ["LOAD_DATASET"]], text=True, **pipes)

    def answer(self, name, folder, splits=("test",)) -> dict:
        request = {"set": name, "folder": str(folder), "splits": list(splits), "output": str(self.output)}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the program died"
        return json.loads(line)

    def raw(self, *arguments) -> bytes:
        answer = self.answer(*arguments)
        assert answer["code"] == 0, answer
        return self.output.read_bytes()

    def refusal(self, *arguments, code=65) -> str:
        answer = self.answer(*arguments)
        assert answer["code"] == code and "\n" not in answer["message"], answer
        return answer["message"]


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    running = Loader(tmp_path_factory.mktemp("loader"))
    yield running
    running.process.stdin.close()
    assert running.process.wait(timeout=60) == 0


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def labels_of(count, classes, seed=0):
    return np.random.default_rng(seed + 100).integers(0, classes, count).tolist()


def expected(pixels, labels) -> bytes:
    """The images as float32, normalised in float32, and the labels."""
    shaped = pixels.reshape(-1, 3, 1024).astype(np.float32) / np.float32(255)
    normalised = (shaped - MEAN.astype(np.float32)[:, None]) / STD.astype(np.float32)[:, None]
    return normalised.tobytes() + np.array(labels, np.int64).tobytes()


class Python2(pickle._Pickler):
    """Writes as Python 2's cPickle did: all text and bytes as its str, the memo from 1 on, numpy's name of then."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str2(self, value):
        content = value.encode() if isinstance(value, str) else value
        self.write(b"U" + bytes([len(content)]) + content if len(content) < 256 else b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(value)

    def memoize(self, value):
        index = len(self.memo) + 1
        self.write(self.put(index))
        self.memo[id(value)] = index, value

    dispatch[str] = dispatch[bytes] = save_str2


def dump(content, writer) -> bytes:
    if writer == "2":
        out = io.BytesIO()
        Python2(out, 2).dump(content)
        return out.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    return pickle.dumps(content, writer)


def batch(count, keys=str, classes=10, seed=0, label_key="labels", **changed):
    """What a file holds: keys are text, or bytes where Python 3 wrote again what it had read of Python 2."""
    content = {"batch_label": "training batch 1 of 5", label_key: labels_of(count, classes, seed), "data": images(count, seed),
               "filenames": [f"camion_s_{k:06}.png" for k in range(count)]} | changed  # fmt: skip
    return {keys(key): value for key, value in content.items()}


def as_bytes(text):
    return text.encode()


@pytest.mark.parametrize("writer", ["2", 0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("keys", [str, as_bytes])
def test_pickles_of_every_python(loader, tmp_path, writer, keys):
    for number, name in enumerate([*TRAIN, "test_batch"]):
        (tmp_path / name).write_bytes(dump(batch(3 + number, keys, seed=number), writer))
    pixels = np.concatenate([images(3 + number, number) for number in range(5)])
    labels = [label for number in range(5) for label in labels_of(3 + number, 10, number)]
    assert loader.raw("cifar10", tmp_path, ("train",)) == expected(pixels, labels)
    assert loader.raw("cifar10", tmp_path) == expected(images(8, 5), labels_of(8, 10, 5))


@pytest.mark.parametrize("writer", ["2", 2, 4])
def test_cifar100_takes_the_fine_labels(loader, tmp_path, writer):
    for split, seed in (("train", 1), ("test", 2)):
        content = batch(7, classes=100, seed=seed, label_key="fine_labels", coarse_labels=labels_of(7, 20))
        (tmp_path / split).write_bytes(dump(content, writer))
    assert loader.raw("cifar100", tmp_path, ("train", "test")) == expected(images(7, 1), labels_of(7, 100, 1)) + expected(
        images(7, 2), labels_of(7, 100, 2)
    )
    assert "set data.set to cifar100" in loader.refusal("cifar10", tmp_path, code=66)
    (tmp_path / "test").rename(tmp_path / "test_batch")
    assert "CIFAR-100's" in loader.refusal("cifar10", tmp_path)


def test_a_whole_file_is_bitwise_that_of_the_binary_version(loader, tmp_path):
    pixels, labels = images(10_000), labels_of(10_000, 10)
    places = [tmp_path / "cifar-10-batches-bin", tmp_path / "py/cifar-10-batches-py"]
    for place in places:
        place.mkdir(parents=True)
    records = np.concatenate([np.array(labels, np.uint8)[:, None], pixels], axis=1)
    (places[0] / "test_batch.bin").write_bytes(records.tobytes())
    (places[1] / "test_batch").write_bytes(dump(batch(10_000), "2"))
    answers = [loader.answer("cifar10", place) for place in (tmp_path, tmp_path / "py", *places)]
    assert [answer["sizes"] for answer in answers] == [[10_000]] * 4
    assert len({answer["fingerprint"] for answer in answers}) == 1


OTHER_FORMS = {
    "images in four dimensions": {"data": images(4).reshape(4, 3, 32, 32)},
    "Fortran's order": {"data": np.asfortranarray(images(4))},
    "labels in an array": {"labels": np.array(labels_of(4, 10))},
    "labels in an array of bytes": {"labels": np.array(labels_of(4, 10), np.uint8)},
    "labels in a tuple": {"labels": tuple(labels_of(4, 10))},
}


@pytest.mark.parametrize("form", OTHER_FORMS)
@pytest.mark.parametrize("writer", [2, 5])
def test_forms_that_people_write_themselves(loader, tmp_path, form, writer):
    (tmp_path / "test_batch").write_bytes(dump(batch(4, **OTHER_FORMS[form]), writer))
    assert loader.raw("cifar10", tmp_path) == expected(images(4), labels_of(4, 10))


class Runs:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


WRONG = {
    "no data": ({"data": None}, "its data are no numpy array"),
    "data of another type": ({"data": images(4).astype(np.float32)}, "its data are no numpy array of bytes"),
    "data of another size": ({"data": images(4)[:, :3071]}, "no images of 3 x 32 x 32"),
    "data in one row": ({"data": images(4).ravel()}, "no images of 3 x 32 x 32"),
    "channels last": ({"data": images(4).reshape(4, 32, 32, 3)}, "no images of 3 x 32 x 32"),
    "a list of pixels": ({"data": images(4).tolist()}, "its data are no numpy array"),
    "objects": ({"data": images(4).astype(object)}, "its data are no numpy array"),
    "fewer labels": ({"labels": [1, 2, 3]}, "4 images and 3 labels"),
    "a label beyond": ({"labels": [1, 2, 3, 10]}, "the label of image 3 is no class from 0 to 9"),
    "a label below": ({"labels": [1, -2, 3, 4]}, "the label of image 1 is no class"),
    "a label of half": ({"labels": [0.5, 2, 3, 4]}, "the label of image 0 is no class"),
    "big-endian labels": ({"labels": np.array([1, 2, 3, 4], ">i4")}, "big-endian"),
    "no labels": ({"labels": []}, "between 1 and 10000"),
    "labels that are text": ({"labels": "1234"}, "its labels are no list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_contents(loader, tmp_path, case):
    changed, words = WRONG[case]
    (tmp_path / "test_batch").write_bytes(dump(batch(4, **changed), 2))
    message = loader.refusal("cifar10", tmp_path)
    assert words in message and "test_batch" in message, message


def test_too_many_images(loader, tmp_path):
    (tmp_path / "test_batch").write_bytes(dump(batch(10_001), 4))
    assert "10001 labels" in loader.refusal("cifar10", tmp_path)


@pytest.mark.parametrize("writer", [0, 2, 4])
def test_no_code_is_run(loader, tmp_path, writer):
    marker = tmp_path / "marker"
    (tmp_path / "test_batch").write_bytes(dump({"x": Runs(marker)} | batch(4), writer))
    assert loader.raw("cifar10", tmp_path) == expected(images(4), labels_of(4, 10))
    for key in ("data", "labels"):
        (tmp_path / "test_batch").write_bytes(dump(batch(4, **{key: Runs(marker)}), writer))
        loader.refusal("cifar10", tmp_path)
    (tmp_path / "test_batch").write_bytes(dump(Runs(marker), writer))
    assert "no dict" in loader.refusal("cifar10", tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize("writer", ["2", 5])
def test_files_that_are_damaged(loader, tmp_path, writer):
    """Cut short, and with single bytes changed: read as they are, or refused in a line."""
    content = dump(batch(2), writer)
    shape = pickle.BININT1 + b"\x02" + pickle.BININT2 + b"\x00\x0c"
    assert content.count(shape) == 1
    for lie in (b"K\xffM\x00\x0c", b"K\x02M\xff\xff", b"K\x00M\x00\x0c"):
        (tmp_path / "test_batch").write_bytes(content.replace(shape, lie))
        assert "bytes" in loader.refusal("cifar10", tmp_path)
    for length in [*range(0, 200, 3), *range(len(content) - 60, len(content))]:
        (tmp_path / "test_batch").write_bytes(content[:length])
        assert ("it is cut short" if length else "it is empty") in loader.refusal("cifar10", tmp_path)
    pixels = content.index(images(2).tobytes())
    places, codes = [place for place in range(len(content)) if not pixels <= place < pixels + 6144], set()
    for place in places:
        (tmp_path / "test_batch").write_bytes(content[:place] + bytes([content[place] ^ 0x11]) + content[place + 1 :])
        codes.add(loader.answer("cifar10", tmp_path)["code"])
    assert len(places) > 200 and codes == {0, 65}


def test_of_both_versions_the_binary_one_is_read(loader, tmp_path):
    (tmp_path / "test_batch").write_bytes(dump(batch(4), 4))
    (tmp_path / "test_batch.bin").write_bytes(b"")
    assert "is it empty or cut short?" in loader.refusal("cifar10", tmp_path)
    loader.log.read()
    (tmp_path / "test_batch.bin").write_bytes(bytes(10_000 * 3073))
    assert loader.answer("cifar10", tmp_path)["sizes"] == [10_000]
    assert "test_batch.bin and test_batch; the binary version is read" in loader.log.read()


def test_what_is_missing_is_named(loader, tmp_path):
    for name in TRAIN[:2]:
        (tmp_path / name).write_bytes(dump(batch(4), "2"))
    message = loader.refusal("cifar10", tmp_path, ("train",), code=66)
    assert "Python version" in message and "data_batch_3, data_batch_4, data_batch_5" in message
    assert "test_batch" in loader.refusal("cifar10", tmp_path, code=66)


def idx(kind, values) -> bytes:
    return struct.pack(f">I{values.ndim}I", kind, *values.shape) + values.tobytes()


@pytest.mark.parametrize("name,place", [("fashion-mnist", "FashionMNIST/raw"), ("mnist", "MNIST/raw"), ("mnist", "raw"), ("mnist", "")])
def test_torchvisions_folders_of_mnist(loader, tmp_path, name, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "t10k-images-idx3-ubyte").write_bytes(idx(2051, np.ones((3, 28, 28), np.uint8)))
    (tmp_path / place / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(2049, np.array([1, 2, 3], np.uint8))))
    assert loader.answer(name, tmp_path).get("sizes") == [3]
    if place.startswith("Fashion"):
        assert "fashion-mnist" in loader.refusal("mnist", tmp_path, code=66)


FORMS = {
    "cifar-10-python.tar.gz": ("cifar10", "not unpacked"),
    "cifar-100-binary.tar": ("cifar100", "not unpacked"),
    "data_batch_1.mat": ("cifar10", "Matlab"),
    "test.mat": ("cifar100", "Matlab"),
    "mnist.npz": ("mnist", "mnist.npz, a form that is not read"),
    "train-00000-of-00001.parquet": ("cifar10", "data.set: arrays"),
    "training.pt": ("fashion-mnist", "training.pt"),
    "readme.html": ("cifar10", "cifar-10-batches-py"),
}


@pytest.mark.parametrize("file", FORMS)
def test_other_forms_are_named(loader, tmp_path, file):
    name, words = FORMS[file]
    (tmp_path / file).write_bytes(b"x")
    message = loader.refusal(name, tmp_path, code=66)
    assert words in message and str(tmp_path) in message, message
    assert "is a file" in loader.refusal(name, tmp_path / file, code=66)


def test_the_other_set_is_named(loader, tmp_path):
    (tmp_path / "cifar-100-python").mkdir()
    (tmp_path / "cifar-100-python/test").write_bytes(dump(batch(4, label_key="fine_labels"), 4))
    for folder in (tmp_path, Path(tmp_path, "cifar-100-python")):
        assert "holds cifar100" in loader.refusal("cifar10", folder, code=66)
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py/test_batch").write_bytes(dump(batch(4), 4))
    assert loader.answer("cifar10", tmp_path)["sizes"] == [4] and loader.answer("cifar100", tmp_path)["sizes"] == [4]
    (tmp_path / "cifar-100-python/test").write_bytes(dump(batch(4), 4))
    assert "CIFAR-10's" in loader.refusal("cifar100", tmp_path)
