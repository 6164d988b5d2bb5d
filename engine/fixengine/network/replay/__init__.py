"""Replay: a journal's inputs once more through a new engine, and whether the same comes out.

What was recorded is a tape (tape.py): what comes next on it is either an input, which is put in
(drive.py), or what the engine made of one, which is compared when it makes it again. The engine is
the network process as it is; what it has around it answers as the tape says it did (world.py).
"""
