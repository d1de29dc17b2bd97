"""The codec server: what an operator's browser asks so that the Web UI shows cases, and takes what is typed into it.

`/decode` opens what is sealed, with names and numbers masked; `/encode` takes a decision, stamps it with who decides,
and seals it; `/stamp` does the same for programs. Its own pages log an operator in and reveal one case, for a reason.
"""
