"""Why an agent could not go on. Everything raised on purpose in this package is an `AgentError`."""

from __future__ import annotations

from tensorbond.errors import TensorbondError


class AgentError(TensorbondError):
    """Something that a provider can read and act on."""


class NotOperator(AgentError):
    """The key is not the provider's operator: it can neither commit nor sign."""


class ConfirmationsExcessive(AgentError):
    """A commit window ends before the slot's first block lies as deep as was asked for."""


class EvidenceUnfit(AgentError):
    """What would be signed shows no proof: signing it would cost the device's bond."""


class ResultInvalid(AgentError):
    """The command that does a job did not print a digest."""
