-- How many persons of each agency and group there are is counted without reading their rows, which are long.
CREATE UNIQUE INDEX persons_by_group ON persons (id) INCLUDE (region, category);
