-- A card that comes by post goes to an address that the applicant confirms, and the bureau learns how it is delivered.

INSERT INTO role_events (event, role) VALUES ('confirm_address', 'clerk'), ('confirm_address', 'back_office');

ALTER TABLE events ADD COLUMN delivery text CHECK (delivery IN ('counter', 'post'));
COMMENT ON COLUMN events.delivery IS 'How the card that an order asks for reaches its holder; null where it asks for none, or the application did not say';
