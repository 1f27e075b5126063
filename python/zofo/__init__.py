"""Bilevel optimisation with a zeroth-order outer level, and fine-tuning of language models with it.

For problems on NumPy arrays: Problem, Solver, minimize. For language models: load, finetune, resume, meta_train,
adapt, compare, replay, export.
"""

from zofo._core import BatchKey, Error, Schedule, __version__
from zofo.adaptations import Adaptation, FewShotResult, adapt
from zofo.comparisons import Comparison, MethodSummary, compare
from zofo.exports import Exported, export, write_tiny
from zofo.meta import MetaRun, TaskResult, meta_train, resume_meta_train
from zofo.models import Model, load
from zofo.policies import Estimator, Inner, Options, Outer, Perturbation
from zofo.problem import Problem
from zofo.progress import Progress
from zofo.replays import Replayed, replay
from zofo.requests import options
from zofo.results import ChoiceScores, ClassScores, Generation, Metrics, Prediction, Predictions, Scores
from zofo.runs import Run, finetune, resume
from zofo.solver import Solution, Solver, StepReport, minimize
from zofo.tasks import Task, TaskRows

__all__ = [
    "Adaptation", "BatchKey", "ChoiceScores", "ClassScores", "Comparison", "Error", "Estimator", "Exported",
    "FewShotResult", "Generation", "Inner", "MetaRun", "MethodSummary", "Metrics", "Model", "Options", "Outer",
    "Perturbation", "Prediction", "Predictions", "Problem", "Progress", "Replayed", "Run", "Schedule", "Scores",
    "Solution", "Solver", "StepReport", "Task", "TaskResult", "TaskRows", "__version__", "adapt", "compare", "export",
    "finetune", "load", "meta_train", "minimize", "options", "replay", "resume", "resume_meta_train", "write_tiny",
]
