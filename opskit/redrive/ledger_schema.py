"""The tables of a ledger's file, and the view that all news of letters is written through."""

SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE letters (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  handle TEXT NOT NULL,
  new_id TEXT NOT NULL DEFAULT '',
  doubtful INTEGER NOT NULL DEFAULT 0,
  returned INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  cause TEXT NOT NULL DEFAULT '',
  content INTEGER
);
CREATE INDEX letters_by_new_id ON letters (new_id) WHERE new_id <> '';
CREATE INDEX letters_open ON letters (state) WHERE state IN ('sending', 'sent');
CREATE TABLE contents (number INTEGER PRIMARY KEY, letter TEXT NOT NULL);
CREATE VIEW news AS
  SELECT id, state, handle, new_id, doubtful, reason, cause, '' AS letter FROM letters;
CREATE TRIGGER written INSTEAD OF INSERT ON news BEGIN
  INSERT INTO contents (letter) SELECT NEW.letter WHERE NEW.letter IS NOT NULL;
  INSERT INTO letters (id, state, handle, new_id, doubtful, reason, cause, content) VALUES (
    NEW.id, NEW.state, ifnull(NEW.handle, ''), ifnull(NEW.new_id, ''), NEW.doubtful, ifnull(NEW.reason, ''),
    NEW.cause, CASE WHEN NEW.letter IS NOT NULL THEN last_insert_rowid() END
  ) ON CONFLICT (id) DO UPDATE SET
    state = NEW.state, handle = ifnull(NEW.handle, handle), new_id = ifnull(NEW.new_id, new_id),
    doubtful = max(doubtful, NEW.doubtful), reason = ifnull(NEW.reason, reason),
    content = ifnull(excluded.content, content);
END;
"""
"""Rows stand in the order they are written, not by their ids, which are random: so a commit of many letters
changes few pages.
"""
