__version__: str

def round_trip(url: str, key: str, value: str) -> str | None:
    """
    Stores the value in memory and in the tier of the URL, and reads it back from the tier.
    """
