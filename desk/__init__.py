"""The desk: where clerks, officers and supervisors find what waits for them, understand a case, and decide.

Pages made on the server, without a script. It logs people in as the gate does and has their decisions stamped by it; it
holds no stamping key, because it takes and shows what strangers hand in.
"""
