"""Who works with cases from outside: a back office, the card bureau, the bank, medical insurance and pension.

Each is a program of its own that knows the intake service, its own credential and nothing else of ours: no key, no
database, no Temporal. It is told by webhooks or by the feed, and answers through the API, by `cardcase_client`.
"""
