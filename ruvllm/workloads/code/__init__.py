"""Tasks made from the documented functions of a Python source tree."""
