INSERT INTO page VALUES (1, 'a', 'A');
