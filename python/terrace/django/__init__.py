"""Django's cache framework over terrace: set BACKEND to "terrace.django.TerraceCache". docs/frameworks/django.md"""

from ._backend import TerraceCache

__all__ = ["TerraceCache"]
