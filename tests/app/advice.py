"""Messages never send to and fro: from wrong configurations of every job, each piece of advice of the form "set KEY: VALUE" that a message
gives is followed, and the next message's, to the end. None may ask for what was there before, and some path ends in success. Every such
piece of advice in the program's source must have been met.

usage: advice.py PROGRAM
"""

import copy
import json
import re
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from torch import nn

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "python")]
warnings.filterwarnings("ignore", category=FutureWarning)
from program import expect, mlp_weights, report_checks, run, write_config  # noqa: E402

import orograph  # noqa: E402

PROGRAM = sys.argv[1]
KEY, VALUE = r"(?:job|[a-z_]*(?:\.[a-z_]+)+)", r"(?:\[[^\]]*\]|[A-Za-z0-9_]+)"
SETTING = re.compile(rf"(?:^| )({KEY})(?:: |=)({VALUE})")
PLACEHOLDERS = {"[first, last, count]": "[0, 1, 2]"}

# Advice that no configuration brings about on every machine, and what it takes.
ELSEWHERE = {
    "run.device: cuda": "a GPU",
    "run.threads: 0": "several ranks on the same cores; it is a warning: launch.py",
    "run.device: cpu": "a machine without a GPU, asked for one: below, where that is so",
    "evaluate.evaluator: reference": "a CPU without avx512_bf16",
    "evaluate.instruction_set: auto": "a CPU without AVX2, or the reference evaluator: below",
}


def settings_of(text: str) -> list:
    return [(key, PLACEHOLDERS.get(value, value)) for key, value in SETTING.findall(text)]


def advice_of(message: str) -> list:
    """The alternatives after the first semicolon, each a list of settings; in words alone, none."""
    _, _, advice = message.partition("; ")
    return [settings for part in re.split(r"(?:,|;)? or (?:set |use |take |add )?|; ", advice) if (settings := settings_of(part))]


def advice_in_source() -> set:
    """Of all string literals: what follows a verb, or another piece of advice."""
    found = set()
    for path in sorted((ROOT / "src").rglob("*.cpp")):
        text = re.sub(r'"\s*\n\s*"', "", path.read_text())
        for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text):
            for verb in re.finditer(r"(?:^(?=\.)|(?<!-)\b(?:set|use|take|add|or|and|with) )(?=" + KEY + r"(?:: |=))", literal):
                if match := SETTING.match(" " + literal[verb.end() :]):
                    found.add(": ".join(settings_of(match.group(0))[0]))
    return found


class Tiny(nn.Module):
    def __init__(self, activation, shared=False):
        super().__init__()
        self.conv, self.bn, self.activation, self.head = nn.Conv2d(1, 8, 3, 4), nn.BatchNorm2d(8), activation(), nn.Linear(8, 10)
        self.again = self.bn if shared else nn.Identity()

    def forward(self, x):
        return self.head(self.again(self.activation(self.bn(self.conv(x)))).mean((2, 3)))


def write_models(folder: Path) -> dict:
    """model sections by what the network has."""
    torch.manual_seed(1)
    made = {"mapped": Tiny(nn.ReLU), "graph": Tiny(nn.SiLU), "shared": Tiny(nn.ReLU, shared=True)}
    sections = {}
    for name, model in made.items():
        files = [str(folder / f"{name}-{number}.safetensors") for number in range(3)]
        for file in files:
            for parameter in model.parameters():
                nn.init.normal_(parameter, 0, 0.3)
            orograph.export(model, torch.zeros(2, 1, 32, 32), file)
        sections[name] = ({"architecture": "exported", "file": files[0]}, files)
    files = [str(folder / f"mlp-{number}.safetensors") for number in range(3)]
    for number, file in enumerate(files):
        mlp_weights(Path(file), number)
    sections["mlp"] = ({"architecture": "mlp", "weights": files[0]}, files)
    return sections


def config_of(job: str, model: tuple, /, **changes) -> dict:
    """One that works, and changes of keys: {"evaluate.batch_norm": "frozen"}; None removes."""
    section, files = copy.deepcopy(model)
    config = {"job": job, "model": section, "data": {"limit": 9}, "run": {"threads": 1, "progress": "none"}}
    if job in ("line", "surface", "plane"):
        axes = "x" if job == "line" else "xy"
        config["directions"] = {axis: {"kind": "random", "seed": ord(axis)} for axis in axes}
        config["grid"] = {axis: [0, 1, 2] for axis in axes}
    if job == "plane":
        config |= {"job": "surface", "directions": {axis: {"kind": "plane", "weights": file} for axis, file in zip("xy", files[1:], strict=True)}}
    if job in ("curve", "checkpoints"):
        points = {"kind": "segment", "ends": files[:2]} if job == "curve" else {"kind": "checkpoints", "files": files}
        config |= {"job": "curve", "curve": points, "grid": {"t": [0, 1, 2]}}
        section.pop("weights", None)
    if job == "train":
        config |= {"train": {"epochs": 1, "batch": 4}}
    if job == "sweep":
        config |= {"train": {"epochs": 1, "batch": 4}, "over": {"model.seed": [1]}}
    for key, value in changes.items():
        put(config, key, value)
    return config


def put(config: dict, key: str, value) -> None:
    *sections, last = key.split(".")
    for name in sections:
        config = config.setdefault(name, {})
    if value is None:
        config.pop(last, None)
    else:
        config[last] = value


def value_at(config: dict, key: str):
    for name in key.split("."):
        config = config.get(name, {}) if isinstance(config, dict) else {}
    return config


def starts(models: dict, other_file: str):
    """name, configuration."""
    policies = ("frozen", "states", "recalibrate")
    mlp, mapped, graph, shared = (models[name] for name in ("mlp", "mapped", "graph", "shared"))
    for job in ("line", "plane", "curve", "checkpoints"):
        for policy in policies:
            yield f"{job} of shared batch norms, {policy}", config_of(job, shared, **{"evaluate.batch_norm": policy})
            if job == "curve":
                yield f"curve of a graph, {policy}", config_of(job, graph, **{"evaluate.batch_norm": policy})
    for policy in policies:
        moving = {"evaluate.batch_norm": policy, "directions.x.space": "states"}
        yield f"line of states, {policy}", config_of("line", mapped, **moving)
        yield f"plane of states, {policy}", config_of("plane", mapped, **moving)
    yield "no states to move", config_of("line", mlp, **{"evaluate.batch_norm": "states", "directions.x.space": "states"})
    for job in ("line", "curve", "plane"):
        yield f"{job} without train", config_of(job, mapped, **{"evaluate.batch_norm": "recalibrate", "data.splits": ["test"]})
    yield "shared without train", config_of("curve", shared, **{"evaluate.batch_norm": "recalibrate", "data.splits": ["test"]})
    yield "compiled", config_of("line", graph, **{"evaluate.evaluator": "compiled", "evaluate.precision": "bf16"})
    for key, value in (("instruction_set", "avx2"), ("convolution", "direct"), ("precision", "tf32")):
        for evaluator in ("auto", "compiled"):
            changes = {f"evaluate.{key}": value, "evaluate.evaluator": evaluator}
            yield f"{evaluator} {key} {value}", config_of("line", graph, **changes)
    yield "bf16 without its instructions", config_of("line", mlp, **{"evaluate.precision": "bf16", "evaluate.instruction_set": "avx512"})
    yield "GPU", config_of("line", mlp, **{"run.device": "cuda", "evaluate.precision": "tf32"})
    yield "surface without y", config_of("surface", mlp, **{"grid.y": None})
    yield "surface without x", config_of("surface", mlp, **{"grid.x": None})
    yield "line with y", config_of("line", mlp, **{"grid.y": [0, 1, 2]})
    yield "line of a plane", config_of("line", mlp, **{"directions.x.kind": "plane", "directions.x.weights": models["mlp"][1][1]})
    yield "line for surface", config_of("line", mlp, job="surface")
    bends = models["mlp"][1][2:]
    yield "segment with bends", config_of("curve", mlp, **{"curve.bends": bends})
    yield "bezier without bends", config_of("curve", mlp, **{"curve.kind": "bezier"})
    yield "curve's mse", config_of("curve", mlp, **{"evaluate.loss": "mse"})
    same = {f"directions.{axis}.{key}": value for axis in "xy" for key, value in (("kind", "towards"), ("weights", models["mlp"][1][1]))}
    yield "parallel", config_of("surface", mlp, **same, **{"directions.orthogonalize": True})
    yield "another's file", config_of("line", mlp, **{"output.file": other_file})
    yield "train a graph", config_of("train", graph)
    yield "train nothing on a curve", config_of("train", mlp, **{"curve.ends": mlp[1][:2], "curve.bends": 0, "model.weights": None})
    yield "train with a segment", config_of("train", mlp, **{"curve.ends": mlp[1][:2], "curve.kind": "segment", "model.weights": None})
    for job in ("train", "sweep"):
        yield f"{job} a graph's curve", config_of(job, graph, **{"curve.ends": graph[1][:2], "curve.bends": 1})
        yield f"{job} without images", config_of(job, mlp, **{"data.splits": ["test"]})


class Walk:
    """Follows advice; `met` gathers what was given, `known` what each configuration gave."""

    def __init__(self, folder: Path):
        self.folder, self.met, self.known, self.runs = folder, set(), {}, 0

    def message_of(self, config: dict, command: str) -> str:
        """The error's line; empty where there is none."""
        key = json.dumps([command, config], sort_keys=True)
        if key not in self.known:
            self.known[key] = self.run(config, command)
        return self.known[key]

    def run(self, config: dict, command: str) -> str:
        self.runs += 1
        place = {"file": str(self.folder / f"{self.runs}.h5")} if command not in ("train", "sweep") else {"folder": str(self.folder / str(self.runs))}
        config = copy.deepcopy(config)
        config["output"] = config.get("output", {}) | {key: config.get("output", {}).get(key, value) for key, value in place.items()}
        result = run(PROGRAM, [command, write_config(self.folder / f"{self.runs}.yaml", config)], ranks=0)
        if result.returncode == 0:
            return ""
        lines = [line for line in result.stderr.splitlines() if re.match(r"\d{4}-\d\d-\d\d \S+ error ", line)]
        expect(len(lines) == 1, f"{config}: exit code {result.returncode}: {result.stderr[-800:]}")
        return lines[0]

    def follow(self, config: dict, command: str, path: tuple = ()) -> bool:
        """Whether some advice leads to success."""
        message = self.message_of(config, command)
        if not message:
            return True
        succeeds = False
        for settings in advice_of(message):
            for key, value in settings:
                expect((key, value) not in path, f"to and fro: after {path} comes: {message}")
                self.met.add(f"{key}: {value}")
            changed = copy.deepcopy(config)
            before = tuple((key, value_at(config, key)) for key, _ in settings)
            for key, value in settings:
                put(changed, key, json.loads(value) if value.startswith("[0") else re.findall(r"\w+", value) if value.startswith("[") else value)
            jobs = re.findall(r"run: orograph (\w+)", message) if any(key == "job" for key, _ in settings) else []
            succeeds = self.follow(changed, jobs[0] if jobs else command, (*path, *before, *settings)) or succeeds
        return succeeds or not advice_of(message)  # what has no remedy says so


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models, other = write_models(folder), str(folder / "other.h5")
        result = run(PROGRAM, ["line", write_config(folder / "other.yaml", config_of("line", models["graph"], **{"output.file": other}))], ranks=0)
        expect(result.returncode == 0, result.stderr[-800:])

        walk, count = Walk(folder), 0
        for what, config in starts(models, other):
            command = "line" if what == "line for surface" else config["job"]
            expect(walk.follow(config, command), f"{what}: no advice leads to success")
            count += 1
    wanted = advice_in_source()
    missing = {setting for setting in wanted if not any(one.endswith(setting) for one in walk.met) and setting not in ELSEWHERE}
    expect(len(wanted) >= 12, f"the source gives advice only of {sorted(wanted)}")
    expect(not missing, f"advice that no configuration here brings about: {sorted(missing)}; add one to starts()")
    print(f"{count} configurations, {walk.runs} runs, {len(walk.met)} pieces of advice followed")
    report_checks(at_least=100)


main()
