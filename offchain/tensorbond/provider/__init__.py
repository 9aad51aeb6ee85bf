"""The provider's agent: proves what is drawn, commits in time, publishes signed evidence, serves jobs."""

from __future__ import annotations

from tensorbond.provider.config import AgentConfig, JobPolicy

__all__ = ["AgentConfig", "JobPolicy"]
