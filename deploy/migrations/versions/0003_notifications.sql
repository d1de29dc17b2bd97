-- What is sent to people, how it got there, and who they are.
--
-- A notification is written with the transition, the digest or the invitation that it tells of. A delivery is its way
-- through one channel; its key is sent to the provider with every attempt, so that the provider accepts it once. What was
-- written and never sent before this migration is carried over.

CREATE DOMAIN channel AS text COLLATE "C" CHECK (VALUE IN ('sms', 'mail', 'dingtalk', 'wecom', 'feishu', 'webhook'));
COMMENT ON DOMAIN channel IS 'A way to reach a person; one provider serves it';

CREATE DOMAIN language AS text COLLATE "C" CHECK (VALUE IN ('zh', 'en'));
COMMENT ON DOMAIN language IS 'A language that messages are written in';

ALTER TABLE notifications RENAME TO notifications_before;

CREATE TABLE notifications (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text COLLATE "C" NOT NULL CHECK (subject ~ '^[a-z]+[-:][A-Za-z0-9_.:-]{1,120}$'),
    case_id text COLLATE "C",
    generation integer,
    person keyed_token,
    event text COLLATE "C" NOT NULL,
    recipient text NOT NULL CHECK (recipient IN (
        'applicant', 'clerk', 'team_lead', 'agency_supervisor', 'municipal', 'municipal_head', 'provincial', 'ministry'
    )),
    office region_code,
    template text NOT NULL,
    facts jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(facts) = 'object'),
    second_channel boolean NOT NULL DEFAULT false,
    not_before timestamptz NOT NULL,
    written_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'accepted', 'delivered', 'failed', 'undeliverable')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz,
    error text,
    FOREIGN KEY (case_id, generation) REFERENCES cases,
    CONSTRAINT notifications_once UNIQUE (subject, event, recipient),
    CONSTRAINT notifications_one_addressee CHECK ((recipient = 'applicant') = (person IS NOT NULL)),
    CONSTRAINT notifications_of_office CHECK (recipient = 'applicant' OR office IS NOT NULL),
    CONSTRAINT notifications_pending CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL))
);
COMMENT ON TABLE notifications IS 'Messages to people; they name the case and nothing else of a person';
COMMENT ON COLUMN notifications.subject IS 'What it is about: a case ID, or digest:… or invitation:…';
COMMENT ON COLUMN notifications.person IS 'Person ref of the applicant; staff are found by office and recipient';
COMMENT ON COLUMN notifications.event IS 'What happened: generation and step of a case (1:escalated.7), or the day of a digest; told to a recipient once';
COMMENT ON COLUMN notifications.recipient IS 'In which capacity somebody is told; who that is, is found when it is delivered';
COMMENT ON COLUMN notifications.office IS 'The agency of the case, or the office that a digest is for';
COMMENT ON COLUMN notifications.facts IS 'Variables of the template; nothing about a person';
COMMENT ON COLUMN notifications.second_channel IS 'Told through two channels, as far as there are two';
COMMENT ON COLUMN notifications.not_before IS 'The slot; delivery begins then at the earliest';
COMMENT ON COLUMN notifications.state IS 'pending: to be sent or sent again; accepted by a provider; delivered: a receipt came; failed: every channel refused it; undeliverable: nobody at the post, or no address';
COMMENT ON COLUMN notifications.attempts IS 'How often it was taken up; whoever took it up before writes no more';
COMMENT ON COLUMN notifications.next_attempt_at IS 'When it is taken up next; while it is being sent, when it counts as left behind';
COMMENT ON COLUMN notifications.error IS 'Stable code of what keeps it from being delivered';
CREATE INDEX notifications_due ON notifications (next_attempt_at) WHERE state = 'pending';
CREATE INDEX notifications_by_case ON notifications (case_id, generation);

INSERT INTO notifications (subject, case_id, generation, person, event, recipient, template, not_before, written_at, state, next_attempt_at)
SELECT before.case_id, before.case_id, before.generation, cases.person,
       before.generation || ':' || before.step || CASE WHEN before.template LIKE '%.offered' THEN '.offered' ELSE '' END,
       before.recipient, before.template, before.written_at, before.written_at,
       CASE WHEN before.sent_at IS NULL THEN 'pending' ELSE 'accepted' END,
       CASE WHEN before.sent_at IS NULL THEN before.written_at END
FROM notifications_before AS before JOIN cases USING (case_id, generation)
ORDER BY before.id;
DROP TABLE notifications_before;

CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id bigint NOT NULL REFERENCES notifications,
    channel channel NOT NULL,
    idempotency_key sha256_hex NOT NULL UNIQUE,
    staff staff_id,
    address sealed_text NOT NULL,
    language language NOT NULL,
    state text NOT NULL DEFAULT 'sending' CHECK (state IN ('sending', 'accepted', 'delivered', 'failed')),
    provider text NOT NULL,
    provider_reference text,
    uncertain boolean NOT NULL DEFAULT false,
    error text,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    begun_at timestamptz NOT NULL,
    tried_at timestamptz,
    accepted_at timestamptz,
    settled_at timestamptz,
    UNIQUE (notification_id, channel),
    CHECK (state <> 'accepted' OR accepted_at IS NOT NULL),
    CHECK (state NOT IN ('delivered', 'failed') OR settled_at IS NOT NULL)
);
COMMENT ON TABLE deliveries IS 'The way of a notification through one channel, written before the provider is called for the first time';
COMMENT ON COLUMN deliveries.idempotency_key IS 'SHA-256 over subject, event, recipient and channel; sent to the provider with every attempt';
COMMENT ON COLUMN deliveries.staff IS 'Who was at the post when delivery began; null for applicants';
COMMENT ON COLUMN deliveries.address IS 'Where it goes, the same at every attempt; sealed';
COMMENT ON COLUMN deliveries.state IS 'sending: called, or about to be, and the outcome is not known or may change; accepted by the provider; delivered and failed: settled';
COMMENT ON COLUMN deliveries.provider_reference IS 'What the provider calls the message';
COMMENT ON COLUMN deliveries.uncertain IS 'The provider may have it: it was called and nobody knows what came of it, so no other channel takes its place';
COMMENT ON COLUMN deliveries.error IS 'Stable code of the last attempt or of the failed receipt';

CREATE TABLE callbacks (
    provider text NOT NULL,
    event_id text COLLATE "C" NOT NULL CHECK (length(event_id) BETWEEN 1 AND 128),
    delivery_id bigint NOT NULL REFERENCES deliveries,
    what text NOT NULL CHECK (what IN ('delivered', 'failed', 'bounced')),
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (provider, event_id)
);
COMMENT ON TABLE callbacks IS 'Receipts and bounces as providers told them, each once; their order does not matter';
COMMENT ON COLUMN callbacks.event_id IS 'The provider''s own ID of the event';
COMMENT ON COLUMN callbacks.what IS 'delivered; failed: not delivered; bounced: there is nobody at the address';
COMMENT ON COLUMN callbacks.at IS 'When it happened, by the provider''s clock';
CREATE INDEX callbacks_by_delivery ON callbacks (delivery_id);
CREATE TRIGGER callbacks_are_kept BEFORE UPDATE OR DELETE ON callbacks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER callbacks_are_not_emptied BEFORE TRUNCATE ON callbacks
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE channel_paces (
    channel channel PRIMARY KEY,
    open_from timestamptz NOT NULL
);
COMMENT ON TABLE channel_paces IS 'The pace of each provider, kept by all workers together';
COMMENT ON COLUMN channel_paces.open_from IS 'When the provider may be called next: a step later with each call, later still when it asked for patience';

-- --- who is told ----------------------------------------------------------------------------------------------------------

CREATE TABLE contacts (
    person keyed_token NOT NULL,
    channel channel NOT NULL,
    address sealed_text NOT NULL,
    rank smallint NOT NULL CHECK (rank >= 0),
    language language NOT NULL DEFAULT 'zh',
    valid boolean NOT NULL DEFAULT true,
    PRIMARY KEY (person, channel)
);
COMMENT ON TABLE contacts IS 'How applicants want to be reached; who named no phone for messages is reached at the register''s';
COMMENT ON COLUMN contacts.address IS 'Phone, mail address or chat address; sealed';
COMMENT ON COLUMN contacts.rank IS 'Order of preference, the lowest first';
COMMENT ON COLUMN contacts.valid IS 'False once a message bounced';

CREATE TABLE offices (
    code region_code PRIMARY KEY,
    parent region_code REFERENCES offices DEFERRABLE INITIALLY DEFERRED,
    level text NOT NULL CHECK (level IN ('agency', 'municipality', 'province', 'ministry')),
    name text NOT NULL,
    CONSTRAINT offices_hierarchy CHECK ((level = 'ministry') = (code = '100000') AND (level = 'ministry') = (parent IS NULL)),
    CHECK (parent <> code)
);
COMMENT ON TABLE offices IS 'Social insurance departments and agencies: agency, municipality, province, ministry';
COMMENT ON COLUMN offices.parent IS 'The office that supervises it';
CREATE INDEX offices_by_parent ON offices (parent);

CREATE TABLE posts (
    office region_code NOT NULL REFERENCES offices DEFERRABLE INITIALLY DEFERRED,
    role text NOT NULL CHECK (role IN ('clerk', 'team_lead', 'supervisor', 'head')),
    rank smallint NOT NULL CHECK (rank BETWEEN 0 AND 9),
    staff staff_id NOT NULL,
    absent_from date,
    absent_to date,
    PRIMARY KEY (office, role, rank),
    UNIQUE (office, role, staff),
    CHECK (absent_to IS NULL OR (absent_from IS NOT NULL AND absent_to >= absent_from))
);
COMMENT ON TABLE posts IS 'Who is told at an office, and who stands in';
COMMENT ON COLUMN posts.rank IS '0 holds the post; 1, 2 … stand in, the lowest present first';
COMMENT ON COLUMN posts.absent_to IS 'Last day of the absence; null while nobody knows';

CREATE TABLE staff_contacts (
    staff staff_id NOT NULL,
    channel channel NOT NULL,
    address sealed_text NOT NULL,
    rank smallint NOT NULL CHECK (rank >= 0),
    language language NOT NULL DEFAULT 'zh',
    valid boolean NOT NULL DEFAULT true,
    PRIMARY KEY (staff, channel)
);
COMMENT ON TABLE staff_contacts IS 'How staff are reached';
COMMENT ON COLUMN staff_contacts.address IS 'Phone, mail address or chat address; sealed';
COMMENT ON COLUMN staff_contacts.rank IS 'Order of preference, the lowest first';
COMMENT ON COLUMN staff_contacts.valid IS 'False once a message bounced';
