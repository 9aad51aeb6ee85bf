"""Settlement and staking for a market of GPUs in which nobody has to be believed."""

__version__ = "0.1.0"
