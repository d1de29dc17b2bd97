-- Nothing began an epoch where a register was restored: places were given anew that readers had had for something else.

ALTER TABLE feed_state ADD COLUMN belongs_to text COLLATE "C";
COMMENT ON COLUMN feed_state.belongs_to IS 'Which cluster, timeline and database its places were given in; another one begins an epoch';
