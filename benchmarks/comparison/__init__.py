"""How `benchmarks.cases` compares: programs, servers, what is counted, and the page that it writes."""
