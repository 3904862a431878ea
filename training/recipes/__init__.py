"""Recipes: functions from manifests to a model directory. A variant is another function, not another option."""
