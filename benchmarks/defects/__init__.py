"""One valid spec and one-edit defects in it: what a checker must catch, and where."""
