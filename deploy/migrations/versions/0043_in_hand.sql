-- Two clerks took the same case from the list, and the second learned of it by a refusal. Nobody could see a list by date.

CREATE TABLE in_hand (
    case_id text COLLATE "C" PRIMARY KEY CHECK (case_id ~ '^[a-z]{3}-[a-z2-7]{26}$'),
    staff staff_id NOT NULL,
    role text NOT NULL,
    office region_code NOT NULL,
    status text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > since)
);
COMMENT ON TABLE in_hand IS 'Who of the staff has taken a case from the list, and until when; it keeps nobody from deciding';
COMMENT ON COLUMN in_hand.status IS 'Where the case stood then: once it stands elsewhere it is in nobody''s hand';

CREATE INDEX cases_open_in_turn ON cases ((coalesce(due_at, 'infinity'::timestamptz)), case_id) WHERE closed_at IS NULL;
