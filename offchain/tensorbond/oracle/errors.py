"""Why an oracle could not go on. Everything raised on purpose in this package is an `OracleError`."""

from __future__ import annotations

from tensorbond.errors import TensorbondError


class OracleError(TensorbondError):
    """Something that an oracle's operator can read and act on."""


class FactsIncomplete(OracleError):
    """The chain does not hold yet what an epoch's judgement needs."""


class FactsContradict(OracleError):
    """Two reads that must agree do not: a reorganisation, or a node that lies."""


class ClassUnsupported(OracleError):
    """A device class that this version can't judge."""


class LeafDataInvalid(OracleError):
    """Leaf data that do not decode, or that are not what stands under their root."""


class LeafDataMissing(OracleError):
    """No store and no peer has the leaf data under a standing root."""


class LeafUnknown(OracleError):
    """The leaf data hold no such device, or no such outcome of it."""
