"""Each key of the jobs in fingerprints.py, a changed value of it, and what must come of that."""
from dataclasses import dataclass, field


@dataclass
class Entry:
    keys: list
    change: dict = field(default_factory=dict)
    says: str | None = None  # what the refusal names; None: the job goes on
    code: int = 65
    stored: tuple = ()  # where this machine cannot choose another value: the item is changed in the output
    together: bool = False  # with the others of the job, in one run

    @property
    def name(self) -> str:
        return ", ".join(self.keys)


def refused(key: str, value, says: str, code: int = 65, **more) -> Entry:
    return Entry([key], {key: value, **{name.replace("__", "."): other for name, other in more.items()}}, says, code)


def stored(key: str, item: str, value: str) -> Entry:
    return Entry([key], {}, item, stored=(item, value))


def harmless(key: str, value, **more) -> Entry:
    return Entry([key], {key: value, **{name.replace("__", "."): other for name, other in more.items()}})


def together(key: str, value) -> Entry:
    return Entry([key], {key: value}, together=True)


def no_say(*keys: str) -> Entry:
    """Keys that the job refuses to be given, or that stand for sections whose keys are in another table."""
    return Entry(list(keys))


def data(paths: dict, classes: Entry) -> list:
    arrays = {"data__folder": "", "data__files": {split: f"{paths['arrays']}/{split}.h5" for split in ("train", "test")}}
    return [
        refused("data.set", "fashion-mnist", "data"),
        refused("data.files", arrays["data__files"], "data", data__folder="", data__set="arrays"),
        Entry(["data.classes"], {"data.classes": 11, "data.set": "arrays", **{name.replace("__", "."): value for name, value in arrays.items()}},
              classes.says, classes.code),
        harmless("data.folder", paths["moved"]),
        refused("data.splits", ["train"], "data"),
        refused("data.limit", 16, "data"),
        harmless("data.limit", 1000),
        refused("data.sample", {"count": 16, "seed": 3}, "data"),
        refused("data.corrupt", {"fraction": 0.5, "seed": 3}, "data"),
        refused("data.normalize", {"mean": [0.1], "std": [0.3]}, "data"),
    ]


def run_keys(ranks: bool) -> list:
    keys = [together("run.threads", 2), together("run.device", "cpu"), together("run.progress_s", 3), together("run.progress", "lines"),
            together("run.sync_s", 1), together("run.log", "debug"), together("run.lease_timeout_s", 1000), together("run.lease_retries", 3),
            together("run.retry_failed", True)]
    return keys + ([together("run.shards", 2), together("run.master_works", False)] if ranks else [no_say("run.shards", "run.master_works")])


def output(key: str) -> list:
    """Each check has its own place for the output, so that `key` changes in all of them."""
    return [Entry([key]), harmless("output.overwrite", True)]


def evaluate(recalibrates: bool) -> list:
    return [
        stored("evaluate.precision", "evaluate.precision", "tf32"),
        refused("evaluate.evaluator", "reference", "evaluate.evaluator"),
        stored("evaluate.instruction_set", "evaluate.instruction_set", "sse2"),
        refused("evaluate.convolution", "direct", "evaluate.convolution"),
        refused("evaluate.batch", 5, "evaluate.batch"),
    ] + ([
        refused("evaluate.recalibrate.batch", 16, "evaluate.recalibrate.batch"),
        refused("evaluate.recalibrate.limit", 16, "recalibration images"),
    ] if recalibrates else [
        together("evaluate.recalibrate.batch", 16),
        together("evaluate.recalibrate.limit", 16),
    ])


def model() -> list:
    return [stored("model.architecture", "architecture", "resnet32"), stored("model.file", "graph", "00ff"), together("model.seed", 7)]


def program() -> list:
    return [stored("the program's numeric version", "numeric_version", "0")]


def direction(axis: str, paths: dict) -> list:
    key, item = f"directions.{axis}.", f"direction {axis}"
    return [
        Entry([key + "kind"], {key + "kind": "towards", key + "weights": paths["d"]}, item),
        refused(key + "seed", 77, item),
        refused(key + "normalize", "layer", item),
        refused(key + "ignore", "none", item),
        refused(key + "space", "states", "evaluate.batch_norm", 78),
        together(key + "weights", paths["d"]),
        together(key + "file", "elsewhere.h5"),
        together(key + "name", "other"),
    ]


def line(paths: dict) -> list:
    return [
        refused("model.weights", paths["b"], "weights"),
        *model(), *program(), *data(paths, Entry([], says="11 classes")), *direction("x", paths),
        refused("grid.x", [-1, 1, 3], "grid"),
        refused("evaluate.loss", "mse", "loss"),
        refused("evaluate.batch_norm", "recalibrate", "batch_norm"),
        *evaluate(False), *output("output.file"), *run_keys(True),
    ]


def surface(paths: dict) -> list:
    return line(paths) + direction("y", paths) + [
        refused("directions.orthogonalize", True, "direction y"),
        refused("grid.y", [-1, 1, 3], "grid"),
        no_say("curve"),
    ]


def plane(paths: dict) -> list:
    return [
        refused("curve.samples", 7, "places in the plane"),
        refused("curve.kind", "polychain", "places in the plane"),
    ]


def curve(paths: dict) -> list:
    files = [paths["a"], paths["b"]]
    return [
        no_say("model.weights"), *model(), *program(), *data(paths, Entry([], says="11 classes")),
        Entry(["curve.file"], {"curve.file": paths["index"], "curve.kind": None, "curve.ends": [], "curve.bends": []}),
        refused("curve.kind", "polychain", "curve"),
        refused("curve.ends", [paths["a"], paths["d"]], "weights"),
        refused("curve.bends", [paths["d"]], "weights"),
        refused("curve.files", files, "weights", curve__kind="checkpoints", curve__ends=[], curve__bends=[], grid__t=[0, 1, 2]),
        refused("curve.weight_decay", 0.25, "curve.weight_decay"),
        refused("grid.t", [0, 0.5, 3], "grid"),
        refused("evaluate.loss", "mse", "evaluate.loss", 78),
        refused("evaluate.batch_norm", "frozen", "evaluate.batch_norm", 78),
        *evaluate(True), *output("output.file"), *run_keys(True),
    ]


def train(paths: dict) -> list:
    keys = {"optimizer": "adam", "lr": 0.02, "momentum": 0.8, "nesterov": False, "weight_decay": 1e-4, "batch": 9, "epochs": 3, "schedule": "garipov",
            "milestones": [2], "factor": 0.5, "augment.crop": 3, "augment.flip": False, "seed": 2}
    return [refused(f"train.{key}", value, f"train.{key} (") for key, value in keys.items()] + [
        *(together(f"train.{key}", value) for key, value in {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}.items()),
        refused("model.architecture", "mlp", "model.architecture"),
        stored("model.file", "graph", "00ff"),
        refused("model.weights", "", "weights ("),
        together("model.seed", 7),
        *program(), *data(paths, Entry([], says="11 classes")),
        stored("the number of ranks", "number of ranks", "2"),
        no_say("curve"),
        *output("output.folder"), *run_keys(False),
    ]


def train_adam(paths: dict) -> list:
    return [refused(f"train.{key}", value, f"train.{key} (") for key, value in {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}.items()] + [
        refused("model.seed", 7, "model.seed ("), together("train.momentum", 0.5), together("train.nesterov", False), together("train.milestones", [1]), together("train.factor", 0.7)]


def train_curve(paths: dict) -> list:
    return [
        refused("curve.kind", "polychain", "curve.kind ("),
        refused("curve.bends", 2, "curve.bends ("),
        refused("curve.fix_ends", [True, False], "curve.fix_ends ("),
        refused("curve.ends", [paths["a"], paths["d"]], "curve.ends[1] ("),
        together("model.seed", 9),
    ]


# The keys of a job must all be in its first table here.
TABLES = {"surface": surface, "line": line, "curve": curve, "train": train, "plane": plane, "train_adam": train_adam, "train_curve": train_curve}
