"""What changes, for those who watch.

It promises every change in order and without a gap, from any position that is still kept, and that
watchers cost the database nothing: one reader serves all of a process. It refuses to wait for a
reader that falls behind.
"""
