"""Single tasks, won and lost: what is chosen of them, their cards for people, the page's section, CSV and JSON."""
