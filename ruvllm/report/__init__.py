"""What results files say, for people: sections make tables and figures of each kind of file; page.py, markdown.py,
pictures.py and tidy_csv.py write them down.
"""
