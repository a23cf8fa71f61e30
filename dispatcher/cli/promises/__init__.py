"""What `dispatcher profile …` does.

Profiles as they are in force (`listing`, `showing`), as the database is told of them (`installing`), and as their
receivers read them (`documenting`).
"""
