"""How cardcase runs: the things that client, worker, replayer and tests share."""
