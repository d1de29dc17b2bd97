-- What is released when a person has ended names the law by which it goes to whom it goes.

ALTER TABLE benefit_holds ADD COLUMN released_under text;
COMMENT ON COLUMN benefit_holds.released_under IS 'The law by which it was released because the person has ended; null where it was released otherwise, or before this was written down';

ALTER TABLE claims ADD COLUMN payee_under text;
COMMENT ON COLUMN claims.payee_under IS 'The law by which it is paid to whom it is paid, where the person has ended; null else';

ALTER TABLE events ADD COLUMN legal_basis text;
COMMENT ON COLUMN events.legal_basis IS 'The law that it rests on, where whoever is told has to know';
