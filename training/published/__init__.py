"""Captioned data sets as their makers publish them, and manifests made of them."""
