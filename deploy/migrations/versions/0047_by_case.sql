-- Erasing a case looked through the whole record for what names it, twice: once by itself, and once for each reference. Few
-- rows name a case, so an index over those alone is small, and costs the rows that a case changes and no other.

CREATE INDEX numbers_by_case ON numbers (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX numbers_by_ending_case ON numbers (ended_by_case) WHERE ended_by_case IS NOT NULL;
CREATE INDEX cards_by_case ON cards (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX cards_by_blocking_case ON cards (blocked_by_case) WHERE blocked_by_case IS NOT NULL;
CREATE INDEX cards_by_replaced_card ON cards (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX claims_by_case ON claims (requeued_by) WHERE requeued_by IS NOT NULL;
CREATE INDEX claims_by_source ON claims (source_person_id) WHERE source_person_id IS NOT NULL;
CREATE INDEX benefit_holds_by_case ON benefit_holds (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX cases_by_replaced_number ON cases (replaces_number_id) WHERE replaces_number_id IS NOT NULL;
