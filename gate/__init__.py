"""The gate, where decisions enter, and the codec server that Temporal's Web UI asks so that operators see cases.

`/decode` opens what is sealed, with names and numbers masked; `/encode` takes a decision, stamps it with who decides,
and seals it; `/stamp` does the same for programs. Its own pages log an operator in and reveal one case, for a reason.
"""
