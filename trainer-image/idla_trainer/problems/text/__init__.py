"""Texts: one class each, or one intent."""
