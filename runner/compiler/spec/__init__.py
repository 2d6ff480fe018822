"""The typed workflow: what the tree of a spec means, with every value still knowing its place."""

from runner.compiler.spec.build import build
from runner.compiler.spec.model import (
    AgentDecl,
    At,
    FileDecl,
    Layer,
    MatrixDecl,
    MilestoneDecl,
    Named,
    OutputSpec,
    RetryDecl,
    SandboxDecl,
    ScheduleDecl,
    StepSpec,
    Workflow,
)

__all__ = [
    "AgentDecl",
    "At",
    "FileDecl",
    "Layer",
    "MatrixDecl",
    "MilestoneDecl",
    "Named",
    "OutputSpec",
    "RetryDecl",
    "SandboxDecl",
    "ScheduleDecl",
    "StepSpec",
    "Workflow",
    "build",
]
