INSERT INTO page VALUES (1, 'a', 1, 1, 1);
