"""Tables in text files as people have them: how they are written is found out, and said where it is not certain."""
