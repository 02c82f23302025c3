"""Golden cases of adapters that PEFT makes and computes, for `3ncore verify FOLDER/lora`: `python make_adapters.py FOLDER [SEED]`.

FOLDER/siglip/base and FOLDER/mobilenetv5/base are towers of data-manifests/configs with random weights; FOLDER/lora holds an
adapter of each configuration of adapter_configs.json with every trained value random, and its outputs adapted and merged.
SigLIP's module paths begin with `vision_model.`, as under transformers 4, and the encoder's with `timm_model.`, as in
transformers' wrapper of timm, in cases whose names say so. PEFT sorts the patterns of a configuration when it saves them, so that those of several keys that
match one module are in that order.
"""

import json
import sys
from pathlib import Path

import torch
from check_models import encoder, encoder_outputs, images, siglip, siglip_outputs
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import SiglipVisionConfig, SiglipVisionModel

here = Path(__file__).parent
configs = json.loads((here / "adapter_configs.json").read_text())
manifests = here.parents[1] / "data-manifests" / "configs"


class Wrapped(torch.nn.Module):
    """A tower below a name."""

    def __init__(self, name: str, tower: torch.nn.Module) -> None:
        super().__init__()
        self.add_module(name, tower)

    def forward(self, *args, **kwargs):
        return next(self.children())(*args, **kwargs)


def draw(model: torch.nn.Module, scale: float, chosen=lambda _name, _p: True) -> None:
    """Adds noise of the size of each parameter to the chosen ones."""
    for name, p in model.named_parameters():
        if chosen(name, p):
            p.add_(torch.randn_like(p) * scale * max(float(p.std(unbiased=False)), 0.1))


def write_siglip(folder: Path) -> None:
    config = SiglipVisionConfig(**json.loads((manifests / "siglip-tiny.json").read_text()))
    model = SiglipVisionModel(config)
    draw(model, 0.5)
    model.save_pretrained(folder)


def write_encoder(folder: Path) -> None:
    text = (manifests / "mobilenetv5-tiny.json").read_text()
    config = json.loads(text) | {"layer_scale_init_value": 0.5}
    model = encoder(config)
    draw(model, 0.5)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "model.safetensors", {"format": "pt"})


def opened_encoder(folder: Path) -> torch.nn.Module:
    model = encoder(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model


def under(name: str, config: dict) -> dict:
    """The configuration for a tower that stands below a name."""
    changed = dict(config)
    whole = [t for t in config["target_modules"] if t.startswith(("encoder.", "blocks.", "head."))]
    if isinstance(config["target_modules"], list):
        changed["target_modules"] = [f"{name}.{t}" if t in whole else t for t in config["target_modules"]]
    if "rank_pattern" in config:
        changed["rank_pattern"] = {k.replace("^", f"^{name}\\."): r for k, r in config["rank_pattern"].items()}
    return changed


def nchw(outputs: dict[str, torch.Tensor], kind: str) -> dict[str, torch.Tensor]:
    return {f"{kind}.{name}": images(x) if x.ndim == 4 else x.contiguous() for name, x in outputs.items()}


def write_case(folder: Path, base: str, tower: torch.nn.Module, below: str, config: dict, run) -> dict:
    """PEFT replaces modules within the tower, which so computes base, adapted and merged in turn."""
    plain = {name: p.clone() for name, p in tower.named_parameters()}
    outputs = nchw(run(tower), "base")
    model = get_peft_model(Wrapped(below, tower) if below else tower, LoraConfig(**config)).eval()
    draw(model, 1.0, lambda name, p: p.requires_grad and "lora_A" not in name)
    model.save_pretrained(folder)
    outputs |= nchw(run(tower), "adapted")
    before = {name: x for name, x in outputs.items() if name.startswith("base.")}
    if all(torch.equal(x, outputs[name.replace("base.", "adapted.", 1)]) for name, x in before.items()):
        raise SystemExit(f"{folder.name}: the adapter changes nothing")
    model.merge_and_unload()
    outputs |= nchw(run(tower), "merged")
    merged = {name: p.detach().contiguous() for name, p in tower.named_parameters() if not torch.equal(p, plain[name])}
    save_file(merged, folder / "merged.safetensors")
    (folder / "meta.json").write_text(json.dumps({"base": base}))
    return outputs


def write_cases(root: Path, towers: dict) -> None:
    for kind, (base, prefix, opened, run, pixels) in towers.items():
        for name, config in configs[kind].items():
            for below in ("", prefix):
                folder = root / "lora" / f"{kind}, {name}{', ' + below if below else ''}"
                folder.mkdir(parents=True)
                given = under(below, config) if below else config
                outputs = write_case(folder, base, opened(), below, given, lambda tower: run(tower, pixels))
                save_file(outputs | {"input": images(pixels)}, folder / "io.safetensors")


def main() -> None:
    root = Path(sys.argv[1])
    torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    torch.set_num_threads(1)
    with torch.no_grad():
        write_siglip(root / "siglip" / "base")
        write_encoder(root / "mobilenetv5" / "base")
        towers = {
            "siglip": (
                "siglip/base",
                "vision_model",
                lambda: siglip(root / "siglip" / "base"),
                lambda tower, x: siglip_outputs(tower, x, False),
                torch.rand(2, 64, 64, 3) * 2 - 1,
            ),
            "encoder": (
                "mobilenetv5/base",
                "timm_model",
                lambda: opened_encoder(root / "mobilenetv5" / "base"),
                lambda tower, x: encoder_outputs(tower, tower.blocks, x),
                torch.rand(2, 75, 68, 3),
            ),
        }
        write_cases(root, towers)


if __name__ == "__main__":
    main()
