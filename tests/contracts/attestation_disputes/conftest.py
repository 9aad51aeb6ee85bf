from tests.contracts.attestations.conftest import bonded, seated

__all__ = ["bonded", "seated"]
