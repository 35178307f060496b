"""Races, their reports and their command."""
