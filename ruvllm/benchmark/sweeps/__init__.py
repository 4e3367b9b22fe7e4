"""Sweeps over many machines: cells as data, whoever runs them, and one file for each that is done."""
