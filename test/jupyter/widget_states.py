"""Prints the state of each widget as ipywidgets makes it; the references between models become the models' names."""

import json
import sys

import ipywidgets

SAMPLES = {
    "IntSlider": {"value": 3, "min": 0, "max": 10},
    "FloatSlider": {"value": 0.5, "min": 0.0, "max": 1.0, "step": 0.01, "readout_format": ".3g"},
    "FloatLogSlider": {"value": 0.001, "min": -5, "max": -1},
    "IntText": {"value": 2},
    "FloatText": {"value": 2.5},
    "Dropdown": {"options": ["a", "b"], "index": 1},
    "Checkbox": {"value": True, "indent": True},
    "Text": {"value": "x", "placeholder": "", "continuous_update": False},
    "HTML": {"value": "<b>x</b>", "placeholder": ""},
    "Button": {},
    "FloatProgress": {"value": 1.0, "min": 0.0, "max": 2.0},
    "VBox": {},
    "HBox": {},
}


def state(name, options):
    label = {} if name.endswith("Box") else {"description": "label"}
    widget = getattr(ipywidgets, name)(**options, **label)
    values = widget.get_state()
    for reference in ("layout", "style"):
        if reference in values:
            values[reference] = getattr(widget, reference)._model_name
    return values


json.dump({name: state(name, options) for name, options in SAMPLES.items()}, sys.stdout)
