-- A third kind of case.
INSERT INTO kinds (kind, prefix, held_for) VALUES ('NameChange', 'nmc', 'name');
