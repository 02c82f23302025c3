"""Distillations in PyTorch laid out as the project's goldens: `python make_kd_cases.py GOLDENS FOLDER`.

GOLDENS holds the bases (`siglip/p14_56`, `mobilenetv5/m1`); FOLDER gets them and `kd/<case>/`: kd.json, batches, initial
adapter, projector and head, the gradients of step 0 and the trained weights. The loop is torch's own autograd,
torch.optim.AdamW and clip_grad_norm_, with PEFT's LoRA on timm's encoder.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from check_models import encoder, siglip
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

TEACHER, STUDENT = "siglip/p14_56", "mobilenetv5/m1"
POINTWISE = r"(pw_exp\.conv|pw_proj\.conv|attn\.(query|key|value|output)\.proj)"
BASE = dict(
    lr=2e-3, betas=[0.9, 0.999], eps=1e-8, weight_decay=0.01, steps=5, accum=2, num_micro_batches=3, grid=3,
    feature_weight_start=1.0, feature_weight_end=1.0, task_weight_start=1.0, task_weight_end=1.0, ramp_steps=4,
    max_grad_norm=None,
)  # fmt: skip
# Bins that overlap (3 into 4 or 5), one cell, more cells than the map has; both ramps at once; clipping at every step and at
# none; other moments, decay and eps; groups that wrap around the batches; other teacher layers, sizes, ranks and projectors.
CASES = {
    # With eps as small as the clipped gradients the reference's own rounding moves weights by 1e-3 (float32 against float64).
    "clip_always": dict(spec=dict(max_grad_norm=0.5, eps=1e-6, accum=3, num_micro_batches=2)),
    "clip_never": dict(spec=dict(max_grad_norm=1e4, accum=1, grid=1), projector="mlp"),
    "adamw": dict(spec=dict(betas=[0.8, 0.95], eps=1e-4, weight_decay=0.3, lr=5e-3), feature="hidden_states.1"),
    "both_ramps": dict(
        spec=dict(feature_weight_start=3.0, feature_weight_end=0.0, task_weight_start=0.0, task_weight_end=2.0, grid=4),
        feature="hidden_states.2", pairs=3, size=96, r=2, alpha=16,
    ),
    "fine_grid": dict(spec=dict(grid=6, accum=4, num_micro_batches=5, ramp_steps=1), projector="mlp", msfa=2, size=72),
    "task_alone": dict(spec=dict(feature_weight_start=0.0, feature_weight_end=0.0, weight_decay=0.0), pairs=2),
}  # fmt: skip


def teacher_map(model: torch.nn.Module, pixels: torch.Tensor, feature: str) -> torch.Tensor:
    with torch.no_grad():
        out = model(pixel_values=pixels, output_hidden_states=True, interpolate_pos_encoding=True)
    tokens = out.last_hidden_state if feature == "last_hidden_state" else out.hidden_states[int(feature.split(".")[1])]
    side = pixels.shape[-1] // 14
    return tokens.transpose(1, 2).reshape(len(tokens), -1, side, side)


def student_of(folder: Path, overrides: dict) -> torch.nn.Module:
    config = json.loads((folder / "config.json").read_text())
    model = encoder({"layer_scale_init_value": 1e-5} | config | overrides)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model


def heads_of(kind: str, channels: int, width: int) -> tuple[torch.nn.Module, torch.nn.Module]:
    conv = torch.nn.Conv2d
    mlp = [conv(channels, width, 1), torch.nn.GELU(), conv(width, width, 1)]
    projector = conv(channels, width, 1) if kind == "linear" else torch.nn.Sequential(*mlp)
    head = torch.nn.Sequential(torch.nn.Linear(2 * channels, 32), torch.nn.GELU(), torch.nn.Linear(32, 3))
    return projector, head


def ramp(spec: dict, what: str, step: int) -> float:
    start, end = spec[f"{what}_weight_start"], spec[f"{what}_weight_end"]
    return start + (end - start) * min(1.0, step / spec["ramp_steps"])


def batches_of(spec: dict, pairs: int, size: int) -> dict[str, torch.Tensor]:
    found = {}
    for k in range(spec["num_micro_batches"]):
        for frame in ("ed", "es"):
            for side, pixels in (("student", size), ("teacher", 56)):
                found[f"{frame}_{side}.{k}"] = torch.randint(0, 256, (pairs, 3, pixels, pixels), dtype=torch.uint8)
        found[f"target.{k}"] = torch.randn(pairs, 3)
    return found


def make(goldens: Path, root: Path, name: str, seed: int, case: dict) -> None:
    torch.manual_seed(seed)
    spec = BASE | case["spec"]
    feature, pairs, r = case.get("feature", "last_hidden_state"), case.get("pairs", 1), case.get("r", 4)
    alpha, overrides = case.get("alpha", 8), {"msfa_output_resolution": case.get("msfa", 4)}
    folder = root / "kd" / name
    (folder / "adapter_init").mkdir(parents=True)
    teacher = siglip(goldens / TEACHER)
    lora = LoraConfig(r=r, lora_alpha=alpha, target_modules=rf".*(blocks\.[23]\..*|msfa\.ffn\.){POINTWISE}")
    student = get_peft_model(student_of(goldens / STUDENT, overrides), lora)
    projector, head = heads_of(case.get("projector", "linear"), 96, teacher.config.hidden_size)
    adapter = {k: v.clone().contiguous() for k, v in get_peft_model_state_dict(student).items()}
    save_file(adapter, folder / "adapter_init" / "adapter_model.safetensors")
    lora.save_pretrained(folder / "adapter_init")
    batches = batches_of(spec, pairs, case.get("size", 80))
    save_file(batches, folder / "batches.safetensors")
    parts = {"projector": projector, "head": head}
    start = {f"{part}.{k}": v.clone() for part, module in parts.items() for k, v in module.state_dict().items()}
    save_file(start, folder / "init_projector_head.safetensors")

    trained = {
        f"student.{k.removeprefix('base_model.model.').replace('.default', '')}": v
        for k, v in student.named_parameters()
        if v.requires_grad
    }
    trained |= {f"{part}.{k}": v for part, module in parts.items() for k, v in module.named_parameters()}
    optimizer = torch.optim.AdamW(
        trained.values(), lr=spec["lr"], betas=spec["betas"], eps=spec["eps"], weight_decay=spec["weight_decay"]
    )

    def losses(k: int) -> tuple[torch.Tensor, torch.Tensor]:
        pair = lambda side: torch.cat([batches[f"ed_{side}.{k}"], batches[f"es_{side}.{k}"]]).float() / 255  # noqa: E731
        wanted = F.adaptive_avg_pool2d(teacher_map(teacher, (pair("teacher") - 0.5) / 0.5, feature), spec["grid"])
        found = student(pair("student"))
        ed, es = found.mean((2, 3)).chunk(2)
        matched = F.mse_loss(projector(F.adaptive_avg_pool2d(found, spec["grid"])), wanted)
        return matched, F.mse_loss(head(torch.cat([ed, es], 1)), batches[f"target.{k}"])

    log = []
    for step in range(spec["steps"]):
        weights = {what: ramp(spec, what, step) for what in ("feature", "task")}
        optimizer.zero_grad(set_to_none=False)
        micro = []
        for k in range(spec["accum"]):
            matched, task = losses((step * spec["accum"] + k) % spec["num_micro_batches"])
            total = weights["feature"] * matched + weights["task"] * task
            (total / spec["accum"]).backward()
            micro.append({"feature": matched.item(), "task": task.item(), "total": total.item()})
        if step == 0:
            zero = torch.zeros_like
            grads = {f"grad.{k}": (zero(v) if v.grad is None else v.grad.clone()) for k, v in trained.items()}
            save_file(grads, folder / "step0.safetensors")
        limit = spec["max_grad_norm"]
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), float("inf") if limit is None else limit).item()
        optimizer.step()
        log.append({
            "step": step, "feature_weight": weights["feature"], "task_weight": weights["task"], "micro": micro,
            "mean_total": sum(m["total"] for m in micro) / len(micro), "grad_norm_before_clip": norm,
        })  # fmt: skip
    save_file({k: v.detach().contiguous() for k, v in trained.items()}, folder / "final_trainable.safetensors")
    kd = {
        "spec": spec, "teacher": f"{TEACHER} (frozen, feature map = {feature}, tokens row-major)",
        "student": {"base": STUDENT, **overrides}, "log": log,
    }  # fmt: skip
    (folder / "kd.json").write_text(json.dumps(kd, indent=1))


def main() -> None:
    torch.set_num_threads(2)
    goldens, root = map(Path, sys.argv[1:3])
    for base in (TEACHER, STUDENT):
        shutil.copytree(goldens / base, root / base)
    for seed, (name, case) in enumerate(CASES.items()):
        make(goldens, root, name, seed, case)
    print(json.dumps(list(CASES)))


if __name__ == "__main__":
    main()
