"""The task of the generated model, and options of runs that learn it."""

from typing import Any

import zofo

OPTIONS: dict[str, Any] = {
    "max_steps": 40, "lower_learning_rate": 0.01, "upper_learning_rate": 0.01, "zo_learning_rate": 1e-4,
    "max_eval_samples": 100, "progress": False, "device": "cpu",
}
TASK = zofo.Task(prompt=" {text} :", choices=[" no", " yes"], name="tiny")
