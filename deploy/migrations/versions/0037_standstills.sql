-- A case whose timer does not fire, whose task fails or whose step is retried for ever was seen by nobody who did not look for it.

CREATE TABLE standstills (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text COLLATE "C" NOT NULL CHECK (subject ~ '^[A-Za-z0-9_.:-]{1,120}$'),
    kind text NOT NULL CHECK (kind IN ('late', 'step', 'no_way_on', 'task', 'activity', 'message', 'event')),
    what text COLLATE "C" NOT NULL CHECK (what ~ '^[A-Za-z0-9_.:=, -]{1,200}$'),
    office region_code NOT NULL,
    since timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    told text COLLATE "C",
    ended_at timestamptz
);
COMMENT ON TABLE standstills IS 'What does not go on although it should: the office is told once it has been found twice, and again when it has changed';
COMMENT ON COLUMN standstills.subject IS 'A case, a workflow type that is scheduled, the feed, a subscription, or the messages of an office';
COMMENT ON COLUMN standstills.what IS 'At what it stands still: an event, a step, an activity, a cause or a code; nothing of a person';
COMMENT ON COLUMN standstills.told IS 'The `what` of which the office was told last';
COMMENT ON COLUMN standstills.ended_at IS 'When it was looked at and went on again';
CREATE UNIQUE INDEX standstills_open ON standstills (subject, kind) WHERE ended_at IS NULL;

CREATE TABLE watched (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    case_id text COLLATE "C" NOT NULL DEFAULT ''
);
INSERT INTO watched DEFAULT VALUES;
COMMENT ON TABLE watched IS 'Up to which case, in the order of their IDs, open cases were looked at; it begins again after the last';
COMMENT ON COLUMN notifications.subject IS 'What it is about: a case ID, or digest:…, invitation:…, claims:… or standstill:…';
