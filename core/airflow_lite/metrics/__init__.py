"""Figures for whoever watches: where they go, by what the settings of `[metrics]` say."""
