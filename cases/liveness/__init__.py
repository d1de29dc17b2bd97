"""Whether every life of a case has a way on: explored over the tables, not over examples.

    python -m docs.liveness [folder of policy packs]

explores every state that cases of each kind can come to under each pack, whoever acts and whichever time limit ends
first, and prints the shortest way to everything that is wrong. Pure; it takes as long as there are states.
"""
