CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT NOT NULL, title TEXT);
CREATE TABLE color (code TEXT PRIMARY KEY, title TEXT);
INSERT INTO page VALUES (1, 'spring', 'Spring'), (2, 'abc', 'One'), (3, 'ABC ', 'The same to the target'), (4, 'żuk', 'A bug'), (5, 'ŻUK', 'Its twin');
INSERT INTO color VALUES ('red', 'Red'), ('Red ', 'Also red'), ('blue', 'Blue'), ('GREEN', 'Green'), ('Green', 'Also green'), ('ROSÉ', 'Rosé'), ('Black', 'Black'), ('BLACK', 'Very black');
