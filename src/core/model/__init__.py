"""A stranger's model as its repository tells of it: files read as data, checked, and never loaded."""
