-- A card that its holder never activates is cancelled, by whoever was asked to follow it up.

INSERT INTO role_events (event, role) VALUES ('card_not_activated', 'clerk'), ('card_not_activated', 'officer');
