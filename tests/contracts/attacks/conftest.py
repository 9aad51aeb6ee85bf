from tests.contracts.attestations.conftest import seated

__all__ = ["seated"]
