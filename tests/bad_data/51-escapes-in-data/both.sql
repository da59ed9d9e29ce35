CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, title TEXT); INSERT INTO page VALUES (1, 'a', 'A'), (5, char(27) || '[31mgone', 'x');
