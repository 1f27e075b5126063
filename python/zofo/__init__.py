"""Bilevel optimisation with a zeroth-order outer level, and fine-tuning of language models with it.

For problems on NumPy arrays: Problem, Solver, minimize. For language models: load, finetune, resume, meta_train,
compare, export.
"""

from zofo._core import BatchKey, Error, Schedule, __version__
from zofo.comparisons import Comparison, MethodSummary, compare
from zofo.exports import Exported, export, write_tiny
from zofo.meta import MetaRun, TaskResult, meta_train, resume_meta_train
from zofo.models import ChoiceScores, ClassScores, Generation, Metrics, Model, Prediction, Predictions, Scores, load
from zofo.policies import Estimator, Inner, Options, Outer, Perturbation
from zofo.problem import Problem
from zofo.progress import Progress
from zofo.requests import options
from zofo.runs import Run, finetune, resume
from zofo.solver import Solution, Solver, StepReport, minimize
from zofo.tasks import Task, TaskRows

__all__ = [
    "BatchKey", "ChoiceScores", "ClassScores", "Comparison", "Error", "Estimator", "Exported", "Generation", "Inner",
    "MetaRun", "MethodSummary", "Metrics", "Model", "Options", "Outer", "Perturbation", "Prediction", "Predictions",
    "Problem", "Progress", "Run", "Schedule", "Scores", "Solution", "Solver", "StepReport", "Task", "TaskResult",
    "TaskRows", "__version__", "compare", "export", "finetune", "load", "meta_train", "minimize", "options", "resume",
    "resume_meta_train", "write_tiny",
]
