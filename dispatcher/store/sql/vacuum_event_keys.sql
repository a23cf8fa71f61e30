-- Take away what is dead in webhooks.event_keys: waiting for no lock, and without shortening the file, for which all would wait.

vacuum (skip_locked, truncate off, parallel 0) webhooks.event_keys
