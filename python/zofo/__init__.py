"""Bilevel optimisation with a zeroth-order outer level, and fine-tuning of language models with it.

For problems on NumPy arrays: Problem, Solver, minimize. For language models: load, finetune, resume, compare, export.
"""

from zofo._core import BatchKey, Error, Schedule, __version__
from zofo.models import ChoiceScores, Generation, Model, Prediction, Scores, load
from zofo.policies import Estimator, Inner, Options, Outer, Perturbation
from zofo.problem import Problem
from zofo.progress import Progress
from zofo.runs import Comparison, Exported, MethodSummary, Run, compare, export, finetune, options, resume, write_tiny
from zofo.solver import Solution, Solver, StepReport, minimize
from zofo.tasks import Task

__all__ = [
    "BatchKey", "ChoiceScores", "Comparison", "Error", "Estimator", "Exported", "Generation", "Inner", "MethodSummary",
    "Model", "Options", "Outer", "Perturbation", "Prediction", "Problem", "Progress", "Run", "Schedule", "Scores",
    "Solution", "Solver", "StepReport", "Task", "__version__", "compare", "export", "finetune", "load", "minimize",
    "options", "resume", "write_tiny",
]
