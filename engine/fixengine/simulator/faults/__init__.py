"""Misbehaviour on demand, for tests of clients: what the venue does wrong when it is told to.

Orders and accounts stay right under every fault; only the session lies or is silent.

    names       every fault with its parameters, as data; reading what a user has asked for
    active      which faults hold now, for whom and how often
    frames      what is done to one message of the venue, bytes in and bytes out
    link        the way from a session to its connection: held, cut into pieces, or lost
    acts        what the venue does at once: News, Logout, a reset, a burst of trades
    control     the socket on which a running venue is told
    command     `fixengine fault`, which speaks to that socket
"""
