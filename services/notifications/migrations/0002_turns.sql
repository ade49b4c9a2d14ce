-- Channels are told in turns; a channel may have several recipients.

-- In which turn the channel is told, from 0: a later one when those before have not delivered in time.
ALTER TABLE notifications.notice ADD COLUMN turn integer NOT NULL DEFAULT 0;

-- Which recipients of the channel took the message; null: the channel has no recipients of its own, or none did.
ALTER TABLE notifications.attempt ADD COLUMN took text[];
