"""What results files say, for people: sources.py reads them, *_section.py make tables and figures of each kind, and
page.py, markdown.py, pictures.py and tidy_csv.py write them down. Loaded by ruvllm-report only.
"""
