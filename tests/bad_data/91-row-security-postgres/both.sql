CREATE TABLE page (id int PRIMARY KEY, slug text NOT NULL UNIQUE); INSERT INTO page VALUES (1, 'a'), (2, 'b');
