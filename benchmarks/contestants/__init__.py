"""The contestants of `benchmarks.cases`: each a worker and a client, which do the same case in their own ways.

    python -m benchmarks.contestants NAME worker|client

The case: it is opened; a second party says that the documents are verified; the number is changed and the benefits are
released, each a transaction of PostgreSQL with an audit row; two notifications go to a receiver over HTTP.

What Temporal's applications share stands in `on_temporal`, what all but cardcase share in `register` and `telling`.
"""
