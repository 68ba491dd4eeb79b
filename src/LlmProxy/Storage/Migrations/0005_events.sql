-- What of a project's messages goes into events: none, metadata or all; NULL leaves that to the setting.

ALTER TABLE projects ADD COLUMN capture_bodies TEXT;
