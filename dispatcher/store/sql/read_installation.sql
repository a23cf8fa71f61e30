-- Whose this database is; null while nobody has worked on it.

select h.installation from webhooks.holder h
