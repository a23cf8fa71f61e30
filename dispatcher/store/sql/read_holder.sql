-- What the last one to take the work said of itself.

select h.epoch, h.installation, h.dispatcher, h.version, h.since, h.left_at from webhooks.holder h
