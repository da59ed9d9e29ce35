CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, title TEXT, body TEXT, data JSON); INSERT INTO page VALUES (1, 'a', 'A', 'one', '{}');
