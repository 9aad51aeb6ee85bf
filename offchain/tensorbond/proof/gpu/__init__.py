"""GPOW1 on a GPU. Nothing here is imported before a GPU is asked for."""
