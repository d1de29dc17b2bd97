-- Invitations that wait for their moment are found by the person, to be called off where the campaign date is moved.

CREATE INDEX notifications_invited ON notifications (person) WHERE topic = 'invitation' AND state = 'pending';
